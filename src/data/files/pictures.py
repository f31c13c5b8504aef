"""Pictures as arrays."""

from pathlib import Path
from typing import IO

import numpy as np
from PIL import Image

from src.foundation.errors import UserError

SUFFIXES = (".png", ".webp", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")
MEND = "replace the picture, then run the same command: it continues"


def read_picture(file: Path | IO[bytes], name: str = "") -> tuple[np.ndarray, str]:
    """Read a picture as it is stored: its array and Pillow's mode; raises UserError naming ``name`` or the file."""
    return _load(file, None, name)


def read_rgb(file: Path | IO[bytes], name: str = "") -> np.ndarray:
    """Read a picture as uint8 (H, W, 3); raises UserError naming ``name`` or the file."""
    return _load(file, "RGB", name)[0]


def _load(file: Path | IO[bytes], mode: str | None, name: str) -> tuple[np.ndarray, str]:
    try:
        with Image.open(file) as picture:
            loaded = picture.convert(mode) if mode else picture
            return np.array(loaded), loaded.mode
    except (OSError, ValueError, SyntaxError, EOFError) as error:
        raise UserError(f"{name or file} cannot be read", str(error), MEND) from error
