"""How maps are resized, by kind."""

import numpy as np
from PIL import Image
from scipy.ndimage import distance_transform_edt

from src.modalities.base import Modality
from src.modalities.storing import is_valid


def resized(modality: Modality, value: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize a map (H, W) or (H, W, channels) as its modality wants it, to ``size`` (H, W)."""
    if value.shape[:2] == size:
        return value
    if modality.resize == "area":
        return resize_image(value, size)
    if modality.resize == "nearest_valid":
        return _by_nearest_valid(value, is_valid(modality, value), size)
    if modality.resize == "any":
        return _by_any(value, size)
    return resize_nearest(value, size)


def resize_image(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize a picture (H, W, 3) uint8, bilinearly; when it shrinks, over the whole area of each new pixel."""
    if image.shape[:2] == size:
        return image
    return np.asarray(Image.fromarray(image).resize((size[1], size[0]), Image.Resampling.BILINEAR))


def resize_nearest(value: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize a map (H, W, ...) by the value nearest to the middle of each new pixel."""
    if value.shape[:2] == size:
        return value
    rows, columns = _middles(value.shape[0], size[0]), _middles(value.shape[1], size[1])
    return value[rows[:, None], columns[None, :]]


def resize_depth(depth: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize depth (H, W), 0 where invalid, by the nearest valid value within the area of each new pixel."""
    return depth if depth.shape == size else _by_nearest_valid(depth, depth != 0, size)


def _by_nearest_valid(value: np.ndarray, valid: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize by the nearest value; where it is not valid, by the nearest valid one within the new pixel's area."""
    small, kept = resize_nearest(value, size), resize_nearest(valid, size)
    cell = value.shape[0] / size[0], value.shape[1] / size[1]
    if max(cell) <= 1 or kept.all() or not valid.any():
        return small
    distances, (rows, columns) = distance_transform_edt(~valid, return_indices=True)
    filled = np.where(distances <= max(cell) / 2, value[rows, columns], value)
    return np.where(kept, small, resize_nearest(filled, size))


def _by_any(value: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize a binary map (H, W), negative where unknown: 1 where any pixel of the new pixel's area is, so that thin
    lines stay whole; unknown where none is 1 and the middle is unknown."""
    small = resize_nearest(value, size)
    ones = np.argwhere(value == 1)
    rows = ones[:, 0] * size[0] // value.shape[0]
    columns = ones[:, 1] * size[1] // value.shape[1]
    result = np.where(small == 1, 0, small) if value.shape[0] >= size[0] and value.shape[1] >= size[1] else small.copy()
    result[rows, columns] = 1
    return result


def _middles(old: int, new: int) -> np.ndarray:
    return np.minimum(((np.arange(new) + 0.5) * old / new).astype(np.int64), old - 1)
