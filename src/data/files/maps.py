"""Maps in pictures or .npy files, as arrays of one value or one colour per pixel."""

from pathlib import Path

import numpy as np

from src.data.files.arrays import read_npy
from src.data.files.pictures import read_picture, read_rgb
from src.foundation.errors import UserError


def read_colours(file: Path) -> np.ndarray:
    """Read red, green and blue as uint8 (H, W, 3), of a picture or an array; raises UserError."""
    if file.suffix.lower() != ".npy":
        return read_rgb(file)
    value = read_array(file, 3)
    if value.dtype != np.uint8 or value.shape[-1] != 3:
        what = f"{file} holds {value.dtype} of the shape {value.shape}"
        raise UserError(what, "colours are uint8 (height, width, 3)", "write it so, or as PNG")
    return value


def read_plane(file: Path, indices: bool = True) -> np.ndarray:
    """Read one value per pixel (H, W): of an array, a grey picture or, where ``indices``, one with a palette.

    Raises:
        UserError: the file cannot be read, or holds several values per pixel that are not the same.
    """
    if file.suffix.lower() == ".npy":
        return read_array(file, 2)
    value, mode = read_picture(file)
    if mode == "P" and not indices:
        why = "its values are numbers of colours, no measures"
        raise UserError(f"{file} has a palette", why, "write it as grey PNG")
    if value.ndim == 3:
        colours = value[..., :1] if mode == "LA" else value[..., :3]
        if mode not in ("LA", "RGB", "RGBA") or (colours != colours[..., :1]).any():
            raise UserError(
                f"{file} is a colour picture ({mode})",
                "a map of one value per pixel is grey, or has a palette",
                "write it as grey PNG; classes may be known by colour: classes: {NAME: [red, green, blue]}",
            )
        value = value[..., 0]
    return value.astype(np.uint8) if value.dtype == bool else value


def read_array(file: Path, dimensions: int) -> np.ndarray:
    """Read an array of numbers with 2 or 3 dimensions, of which one channel may stand for none; raises UserError."""
    value = read_npy(file)
    if value.ndim == 3 and dimensions == 2 and value.shape[-1] == 1:
        value = value[..., 0]
    wanted = "(height, width)" if dimensions == 2 else "(height, width, channels)"
    if value.ndim != dimensions or not value.size or value.dtype.kind not in "buif":
        raise UserError(f"{file} holds {value.dtype} of the shape {value.shape}", f"a map is numbers {wanted}")
    if dimensions == 3 and value.shape[-1] > min(value.shape[:2]):
        raise UserError(f"{file} has the shape {value.shape}", f"its channels stand first; a map is {wanted}")
    return value.astype(np.uint8) if value.dtype == bool else value
