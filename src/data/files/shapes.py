"""Whether the files of one frame fit each other."""

from collections.abc import Mapping

import numpy as np

from src.data.files.opening import AGAIN
from src.foundation.errors import UserError

TOLERANCE = 0.01
"""Relative difference of aspects that does no harm."""


def require_maps(maps: Mapping[str, np.ndarray], channels: Mapping[str, tuple[int, ...]], where: str) -> None:
    """Raise UserError unless each map has two axes, or the channels on a third axis that are named for it.

    Args:
        maps: arrays as they were read, by what they are called in errors.
        channels: the channels that a map may have, where it is not (height, width) alone; 0 stands for no third axis.
        where: the frame.
    """
    for name, value in maps.items():
        allowed = channels.get(name, (0,))
        found = 0 if value.ndim == 2 else value.shape[2] if value.ndim == 3 else -1
        if found not in allowed or min(value.shape) < 1:
            wanted = " or ".join("(height, width)" if not n else f"(height, width, {n})" for n in allowed)
            raise UserError(
                f"{name} of {where} has the shape {value.shape}",
                f"it should be {wanted}",
                f"write it anew with these axes, {AGAIN}",
            )


def require_one_aspect(maps: Mapping[str, np.ndarray], where: str) -> None:
    """Raise UserError where a map has another ratio of height to width than the frame's first one."""
    (first, reference), *others = maps.items()
    height, width = reference.shape[:2]
    for name, value in others:
        rows, columns = value.shape[:2]
        fitting = rows * width / height
        # less than a pixel is rounding
        if abs(columns - fitting) >= 1 and abs(columns - fitting) > TOLERANCE * fitting:
            raise UserError(
                f"{name} of {where} is {rows}x{columns}, {first} is {height}x{width}",
                "they show different parts of the scene, or one of them is stretched or turned",
                f"crop or replace the file of {name} so that it covers the same pixels, {AGAIN}",
            )
