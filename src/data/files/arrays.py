"""Arrays in .npy files."""

from pathlib import Path
from typing import IO

import numpy as np

from src.data.files.opening import AGAIN, require_regular, unreadable
from src.foundation.errors import UserError

MAGIC = b"\x93NUMPY"
ZIP = b"PK"


def read_npy(path: Path, name: str = "") -> np.ndarray:
    """Read an array of numbers from a .npy file, in C order; nothing in the file is run.

    Args:
        path: the file.
        name: what it is called in errors; by default its path.

    Raises:
        UserError: it is no regular file, may not be read, is not whole, or holds no numbers.
    """
    require_regular(path)
    name = name or str(path)
    try:
        with path.open("rb") as stream:
            _check_header(stream, name)
            array = np.load(stream, allow_pickle=False)
    except UserError:
        raise
    except Exception as error:  # a foreign header is parsed as Python, which fails in many ways
        raise unreadable(path, error) from error
    if array.dtype.kind not in "buif":
        what = {"c": "complex numbers", "U": "text", "S": "text", "O": "Python objects"}.get(
            array.dtype.kind, "records"
        )
        raise UserError(f"{name} holds {what}", f"its type is {array.dtype}", f"write real numbers, {AGAIN}")
    if not array.size:
        raise UserError(f"{name} is empty", f"its shape is {array.shape}", f"replace the file, {AGAIN}")
    return np.asarray(array, order="C")


def _check_header(stream: IO[bytes], name: str) -> None:
    """Raise UserError for a file that is no .npy, or whose array is of Python objects, and go back to its start."""
    start = stream.read(len(MAGIC))
    stream.seek(0)
    if start.startswith(ZIP):
        why = "it is an archive of arrays (.npz) under another name"
        raise UserError(f"{name} is no .npy file", why, f"save each array with numpy.save, {AGAIN}")
    if start != MAGIC:
        why = "it is empty" if not start else "it does not begin as .npy files do"
        raise UserError(f"{name} is no .npy file", why, f"replace the file, {AGAIN}")
    version = np.lib.format.read_magic(stream)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    if version in ((1, 0), (2, 0)) and read(stream)[2].hasobject:
        why = "they can only be read by running code from the file, which is not done"
        raise UserError(f"{name} holds Python objects", why, f"write real numbers, {AGAIN}")
    stream.seek(0)
