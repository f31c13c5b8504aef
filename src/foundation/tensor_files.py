"""Files of tensors, read only where they are as they were written."""

import zipfile
from pathlib import Path
from typing import Any

import torch

FOLDER = 0x10
"""The attribute of a member of a zip archive that is a folder."""


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


def first_line(error: Exception) -> str:
    """Return the first line of an error's message, or its kind where it has none."""
    return (str(error).splitlines() or [type(error).__name__])[0]
