"""Colour scales of maps without classes."""

import numpy as np

NEAR_TO_FAR = ((255, 244, 196), (252, 181, 96), (226, 96, 86), (150, 46, 114), (72, 30, 108), (16, 12, 46))
"""Anchors of a colour scale whose brightness falls evenly."""


def near_to_far(distance: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Colour distances (H, W) from 0 (bright) to 1 (dark) as uint8 (H, W, 3), black where they are not valid."""
    place = np.linspace(0, 1, len(NEAR_TO_FAR))
    channels = [np.interp(distance, place, channel) for channel in np.array(NEAR_TO_FAR).T]
    return np.where(valid[..., None], np.stack(channels, -1).round(), 0).astype(np.uint8)


def heat(error: np.ndarray) -> np.ndarray:
    """Colour errors (H, W) in [0, 1] from black over red to white, uint8 (H, W, 3)."""
    steps = np.clip(error[..., None] * 3 - np.arange(3), 0, 1)
    return (steps * 255).astype(np.uint8)
