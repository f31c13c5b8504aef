"""Pictures of maps and of their errors, by kind."""

import numpy as np

from src.modalities.base import Modality
from src.modalities.storing import is_valid
from src.visual.colormaps import near_to_far

PERCENTILES = (99, 1)
"""Of a scalar map's own values, the brightest and the darkest, where its modality names none."""


def colorize(modality: Modality, value: np.ndarray) -> np.ndarray:
    """Draw one map as uint8 (H, W, 3), black where it is not valid.

    Args:
        modality: what it is.
        value: classes (H, W), scalars or probabilities (H, W) or (1, H, W), vectors (channels, H, W).
    """
    if modality.kind == "classes":
        table = np.array([*modality.colours, (0, 0, 0)], dtype=np.uint8)
        known = (value >= 0) & (value < len(modality.colours))
        return table[np.where(known, value, len(modality.colours)).astype(np.int64)]
    if modality.kind == "vector":
        return _directions(np.asarray(value, np.float32))
    maps = np.asarray(value, np.float64).reshape(value.shape[-2:])
    if modality.kind == "binary":
        grey = np.where(maps >= 0, 40 + 215 * np.clip(maps, 0, 1), 0)  # 0 is not as black as unknown
        return np.repeat(np.nan_to_num(grey).round().astype(np.uint8)[..., None], 3, axis=-1)
    valid = is_valid(modality, maps)
    bright, dark = modality.shown or own_range(modality, maps[valid])
    return near_to_far((np.where(valid, maps, bright) - bright) / ((dark - bright) or 1.0), valid)


def own_range(modality: Modality, values: np.ndarray) -> tuple[float, float]:
    """Return the values of a map that are drawn brightest and darkest; of several, the large are bright."""
    if not values.size:
        return 1.0, 0.0
    bright, dark = np.percentile(values, PERCENTILES)
    return float(bright), float(dark) if modality.low is None else modality.low


def _directions(vectors: np.ndarray) -> np.ndarray:
    """Draw vectors (C, H, W), their first three components from -1..1 as red, green and blue; 0 black."""
    valid = (vectors != 0).any(0)[..., None]
    picture = np.zeros((*vectors.shape[1:], 3), np.float32)
    picture[..., : vectors.shape[0]] = np.moveaxis(vectors[:3], 0, -1)
    return np.where(valid, ((picture + 1) * 127.5).round().clip(0, 255), 0).astype(np.uint8)
