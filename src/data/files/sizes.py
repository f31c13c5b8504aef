"""Sizes of pictures and arrays, without reading all of them."""

from pathlib import Path

import numpy as np
from PIL import Image

from src.foundation.errors import UserError

ORIENTATION, TURNED = 0x0112, (5, 6, 7, 8)
"""EXIF's key of the orientation, and the orientations that swap height and width."""


def stored_size(path: Path) -> tuple[int, int]:
    """Return height and width of a picture, turned as its EXIF says, or of an array; raises UserError."""
    try:
        if path.suffix.lower() == ".npy":
            shape = np.load(path, mmap_mode="r").shape
            return int(shape[0]), int(shape[1])
        with Image.open(path) as picture:
            turned = picture.getexif().get(ORIENTATION) in TURNED
            return (picture.width, picture.height) if turned else (picture.height, picture.width)
    except (
        OSError,
        ValueError,
        SyntaxError,
        EOFError,
        IndexError,
        AttributeError,
        Image.DecompressionBombError,
    ) as error:
        raise UserError(f"{path} cannot be read", str(error), "replace it, then run the same command again") from error
