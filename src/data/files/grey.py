"""Pictures whose pixels are numbers: label maps and masks."""

from pathlib import Path

import numpy as np

from src.data.files.pictures import read_picture
from src.foundation.errors import UserError

MODES = ("L", "P", "1", "I;16", "I")
"""Pillow's names of pictures with one number per pixel; those with a palette hold an index."""


def read_grey(path: Path, what: str) -> np.ndarray:
    """Read the numbers (H, W) of a grey or palette picture as int64; raises UserError that calls it ``what``."""
    value, mode = read_picture(path)
    if mode not in MODES:
        raise UserError(f"{path} is no {what}", f"it has pixels of kind {mode}; a {what} is grey or has a palette")
    return value.astype(np.int64)


def zero_or_one(value: np.ndarray, path: Path) -> np.ndarray:
    """Return a mask of 0 and 255, or of 0, 1 and 255 = unknown, as 0, 1 and 255 = unknown, uint8.

    Raises:
        UserError: it holds another value.
    """
    strange = value[(value != 0) & (value != 1) & (value != 255)]
    if strange.size:
        raise UserError(f"{path} holds {strange.flat[0]}", "a mask holds 0 and 255, or 0 and 1")
    mask = value.astype(np.uint8)
    return mask if (mask == 1).any() else np.where(mask == 255, 1, mask).astype(np.uint8)
