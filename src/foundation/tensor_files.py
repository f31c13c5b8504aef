"""Files of tensors, read only where they are as they were written."""

import zipfile
import zlib
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

FOLDER = 0x10
"""The attribute of a member of a zip archive that is a folder."""


BLOCK = 2**24
"""Bytes that are read at a time."""


class DamagedFileError(Exception):
    """A file is not as it was written; the message says what was found."""


def load_tensors(path: Path, mmap: bool = False) -> Any:
    """Load what ``torch.save`` wrote to ``path``, on the CPU, without running anything in it.

    ``mmap``: leave tensors in the file until they are used.

    Raises:
        DamagedFileError: the file is damaged, truncated, or none of torch's.
    """
    check_archive(path)
    try:
        return torch.load(path, map_location="cpu", weights_only=True, mmap=mmap)
    except Exception as error:  # torch raises many kinds for a file that is none of its own
        raise DamagedFileError(f"{type(error).__name__}: {first_line(error)}") from error


def check_archive(path: Path) -> None:
    """Compare every member of a zip archive with its CRC-32, which torch writes but does not check.

    Sizes, names and places of the members are in the archive's directory; where one of them is damaged, a member
    is not found or does not have its checksum.

    Raises:
        DamagedFileError: the file is damaged, truncated, or no zip archive.
    """
    if path.stat().st_size == 0:
        raise DamagedFileError("it is empty")
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
            # torch writes no folders, and leaves a tensor of what is marked as one uninitialised
            marked = next((member.filename for member in archive.infolist() if member.external_attr & FOLDER), None)
    except Exception as error:  # zipfile raises many kinds for headers that are damaged
        raise DamagedFileError(f"it is damaged, truncated or no file of torch's ({first_line(error)})") from error
    if damaged is not None:
        raise DamagedFileError(f"it is damaged: {damaged} in it does not have its checksum")
    if marked is not None:
        raise DamagedFileError(f"it is damaged: {marked} in it is marked as a folder")


def not_finite(value: Tensor) -> str:
    """Say why a tensor holds no finite real numbers: ``is NaN (3 of 8 values)``; nothing where it does."""
    if value.is_complex():
        return "is complex"
    if not value.is_floating_point() or bool(value.isfinite().all()):
        return ""
    wrong = int((~value.isfinite()).sum())
    kind = "NaN" if bool(torch.isnan(value).any()) else "infinite"
    return f"is {kind} ({wrong} of {value.numel()} values)" if value.numel() > 1 else f"is {kind}"


def checksum(path: Path) -> str:
    """Return the CRC-32 of a file's content, in hexadecimal."""
    value = 0
    with path.open("rb") as stream:
        while block := stream.read(BLOCK):
            value = zlib.crc32(block, value)
    return f"{value:08x}"


def first_line(error: Exception) -> str:
    """Return the first line of an error's message, or its kind where it has none."""
    return (str(error).splitlines() or [type(error).__name__])[0]
