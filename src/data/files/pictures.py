"""Pictures as arrays."""

import warnings
from pathlib import Path
from typing import IO

import numpy as np
from PIL import Image, ImageOps

from src.data.files.opening import AGAIN, require_regular, unreadable
from src.foundation.errors import UserError
from src.visual.palette import Colour

SUFFIXES = (".png", ".webp", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")
FORMATS = ("PNG", "WEBP", "JPEG", "BMP", "TIFF", "GIF", "PPM")
"""What is decoded whatever the file's name; Pillow would start Ghostscript for others."""
SIXTEEN_BITS = ("I", "F", "I;16", "I;16B", "I;16L", "I;16N")
"""Modes whose values Pillow cuts to 255 when it makes them RGB."""


def read_picture(file: Path | IO[bytes], name: str = "") -> tuple[np.ndarray, str]:
    """Read a picture as it is stored, turned as its EXIF orientation says.

    Args:
        file: the file, or a stream of its content.
        name: what it is called in errors, where it is a stream.

    Returns:
        Its array (H, W) or (H, W, channels), and Pillow's mode.

    Raises:
        UserError: it is no regular file, may not be read, or is no whole picture of a known format.
    """
    picture = _load(file, name)
    return np.array(picture), picture.mode


def read_rgb(file: Path | IO[bytes], name: str = "") -> np.ndarray:
    """Read a picture as uint8 (H, W, 3), turned as its EXIF orientation says, what is transparent over white.

    Raises:
        UserError: as for ``read_picture``; or it is grey with more than 8 bits.
    """
    return rgb_of(_load(file, name), name or str(file))


def rgb_of(picture: Image.Image, name: str) -> np.ndarray:
    """Turn a picture of any mode into uint8 (H, W, 3); raises UserError for more than 8 bits of grey."""
    if picture.mode in SIXTEEN_BITS:
        raise UserError(
            f"{name} has more than 8 bits per pixel",
            f"its pixels are of kind {picture.mode}; as an image they would be cut to white",
            f"write it with 8 bits (value / 257 of 16-bit values), {AGAIN}",
        )
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        with_alpha = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, (255, 255, 255, 255))
        return np.array(Image.alpha_composite(white, with_alpha).convert("RGB"))
    return np.array(picture.convert("RGB"))


def read_palette(file: Path) -> tuple[Colour, ...]:
    """Read the palette of a picture, a colour for each value; empty where it has none. Raises as ``read_picture``."""
    picture = _load(file, "")
    channels = (picture.getpalette("RGB") or []) if picture.mode == "P" else []
    return tuple((red, green, blue) for red, green, blue in zip(*(iter(channels),) * 3, strict=False))


def _load(file: Path | IO[bytes], name: str) -> Image.Image:
    """Decode a picture; raises UserError whatever goes wrong."""
    name = name or str(file)
    if isinstance(file, Path):
        require_regular(file)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            warnings.filterwarnings("ignore", category=UserWarning)  # of odd metadata, which is not used
            with Image.open(file, formats=FORMATS) as picture:
                picture.load()
                return _turned(picture)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        why = f"its header claims more pixels than any picture of a dataset has ({error})"
        raise UserError(f"{name} is too large", why, f"make it smaller or replace it, {AGAIN}") from error
    except Exception as error:  # decoders raise whatever they stumble over
        raise unreadable(file if isinstance(file, Path) else name, error) from error


def _turned(picture: Image.Image) -> Image.Image:
    """Return a copy that is turned as its EXIF orientation says."""
    try:
        return ImageOps.exif_transpose(picture)
    except Exception:  # metadata that is damaged says nothing, and the pixels are whole
        return picture.copy()
