"""Arrays of floats that stand for pictures and classes."""

import numpy as np

from src.data.files.opening import AGAIN
from src.foundation.errors import UserError

SLACK = 0.01
"""By how much interpolation may leave the range of pictures."""
ROUNDING = 1e-3
MOST = 2**31


def image_of_unit_floats(value: np.ndarray, name: str) -> np.ndarray:
    """Turn a picture whose values are 0..1 into uint8; raises UserError naming ``name`` for any other values."""
    low, high = float(value.min()), float(value.max())
    if not (low >= -SLACK and high <= 1 + SLACK):
        why = f"its values are {low:g} to {high:g}, a picture in this form has 0 to 1"
        raise UserError(f"{name} is not a picture in 0..1", why, f"divide it by {_largest(high)}, {AGAIN}")
    return np.rint(np.clip(value, 0, 1) * 255).astype(np.uint8)


def whole_classes(value: np.ndarray, name: str) -> np.ndarray:
    """Turn a label map of floats into int64; raises UserError naming ``name`` for NaN and for fractions."""
    if value.dtype.kind in "iub":
        return value.astype(np.int64)
    if not np.isfinite(value).all():
        why = "a class is a number; -1 stands for pixels that are ignored"
        raise UserError(f"{name} holds NaN or infinite labels", why, f"write -1 there, {AGAIN}")
    if np.abs(value).max() > MOST:
        why = f"it reaches {np.abs(value).max():g}"
        raise UserError(f"{name} holds no classes", why, f"check that it is a label map, {AGAIN}")
    whole = np.rint(value)
    if np.abs(value - whole).max() > ROUNDING:
        worst = value.ravel()[np.abs(value - whole).argmax()]
        why = f"it holds {worst:g}; labels that were resized must be resized by the nearest value"
        raise UserError(f"{name} holds classes that are no whole numbers", why, f"write it anew, {AGAIN}")
    return whole.astype(np.int64)


def _largest(high: float) -> str:
    return "255" if high <= 255 else "65535" if high <= 65535 else "its largest possible value"
