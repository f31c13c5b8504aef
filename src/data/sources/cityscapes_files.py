"""Cityscapes' files, in folders or in the zips they are distributed in, and which of them are missing."""

import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from src.foundation.errors import UserError


class Package:
    """One of the dataset's packages, read from the folder ``root/name`` or out of ``root/name_trainvaltest.zip``.

    Args:
        root: where the packages are.
        name: ``leftImg8bit``, ``gtFine`` or ``disparity``; also the first folder in the zip.

    Raises:
        UserError: neither is there, or the zip is not whole.
    """

    def __init__(self, root: Path, name: str) -> None:
        self.name = name
        folder, archive = root / name, root / f"{name}_trainvaltest.zip"
        self.path = folder if folder.is_dir() else archive
        self._zip: zipfile.ZipFile | None = None
        if not self.path.exists():
            raise UserError(
                f"{root} has no {name}",
                f"looked for the folder {name} and for {archive.name}",
                "put the package there; https://www.cityscapes-dataset.com/downloads has it",
            )

    def __getstate__(self) -> dict[str, Any]:
        """Leave the open zip behind: every process opens its own."""
        return self.__dict__ | {"_zip": None}

    def list(self, split: str, ending: str) -> dict[str, str]:
        """Map frame ids (city_sequence_frame) of ``split`` to the names of files that end with ``_{ending}``."""
        found = (name.split("/") for name in self._names(split) if name.endswith(f"_{ending}"))
        return {parts[-1].removesuffix(f"_{ending}"): "/".join(parts) for parts in found if len(parts) == 4}

    def read(self, name: str) -> bytes:
        """Read the file ``name``, a path that starts with the package's; raises OSError where it is not whole."""
        if self.path.is_dir():
            return (self.path.parent / name).read_bytes()
        try:
            return self._open().read(name)
        except (zipfile.BadZipFile, EOFError, ValueError, KeyError) as error:
            raise OSError(f"in {self.path}: {error}") from error

    def _names(self, split: str) -> Iterable[str]:
        if self.path.is_dir():
            return (path.relative_to(self.path.parent).as_posix() for path in (self.path / split).glob("*/*"))
        return (name for name in self._open().namelist() if name.startswith(f"{self.name}/{split}/"))

    def _open(self) -> zipfile.ZipFile:
        """Return the open zip; raises UserError for one that is not whole."""
        if self._zip is None:
            try:
                self._zip = zipfile.ZipFile(self.path)
            except (zipfile.BadZipFile, OSError) as error:
                raise UserError(f"{self.path} is not a whole zip", str(error), "fetch it again") from error
        return self._zip


def complete(place: Path, files: Mapping[str, Mapping[str, str]], pattern: str) -> list[str]:
    """Return the ids that every kind of file has, or raise UserError naming the files that are missing.

    Args:
        place: the folder that was searched, for the message.
        files: by kind of file, the ids that it has.
        pattern: a file's name from ``{kind}`` and ``{id}``.
    """
    names = sorted(set().union(*files.values()), key=lambda name: (len(name), name) if name.isdigit() else (0, name))
    missing = [pattern.format(kind=kind, id=name) for kind, has in files.items() for name in names if name not in has]
    if missing:
        raise UserError(
            f"{place} lacks {len(missing)} files of Cityscapes",
            f"the first are {', '.join(missing[:3])}",
            "unpack them again, or leave the zips there in place of the folders: they are read as they are",
        )
    return names
