"""Cityscapes' files, in folders or in the zips they are distributed in, and which of them are missing."""

import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from src.data.files.listing import in_wrapping_folder, is_hidden, visible
from src.data.files.opening import reachable, require_regular, unreadable
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
        archive = root / f"{name}_trainvaltest.zip"
        unpacked = [folder for folder in (root / name, archive.with_suffix("")) if folder.is_dir()]
        self.path = in_wrapping_folder(unpacked[0], ("train", "val")) if unpacked else archive
        self._zip: zipfile.ZipFile | None = None
        if not reachable(self.path):
            raise UserError(
                f"{root} has no {name}",
                f"looked for the folder {name} and for {archive.name}",
                "put the package there; https://www.cityscapes-dataset.com/downloads has it",
            )

    def __getstate__(self) -> dict[str, Any]:
        """Leave the open zip behind: every process opens its own."""
        return self.__dict__ | {"_zip": None}

    def list(self, split: str, ending: str) -> dict[str, str]:
        """Map frame ids (city_sequence_frame) of ``split`` to the names of files that end with ``_{ending}``.

        Raises:
            UserError: two files are of one frame.
        """
        found: dict[str, str] = {}
        for name in self._names(split):
            parts = name.split("/")
            end = len(parts[-1]) - len(ending) - 1
            if any(map(is_hidden, parts)) or parts[-1][end:].lower() != f"_{ending}".lower():
                continue
            frame = parts[-1][:end]
            if frame in found:
                raise UserError(
                    f"{self.path} has two files of frame {frame}",
                    f"{found[frame]} and {name}",
                    "take one of them away, or unpack the package again",
                )
            found[frame] = name
        return found

    def read(self, name: str) -> bytes:
        """Read the file ``name``, one of those listed; raises UserError where it is not whole or not readable."""
        if self.path.is_dir():
            require_regular(self.path.parent / name)
            try:
                return (self.path.parent / name).read_bytes()
            except OSError as error:
                raise unreadable(self.path.parent / name, error) from error
        try:
            return self._open().read(name)
        except UserError:
            raise
        except Exception as error:  # decompressors raise whatever they stumble over
            why = f"in {self.path}: {str(error) or type(error).__name__}"
            raise UserError(f"{name} cannot be read", why, _mend_of(error)) from error

    def _names(self, split: str) -> Iterable[str]:
        """List files three levels down: ``split``, city, file."""
        if self.path.is_dir():
            cities = [city for city in visible(self.path / split) if city.is_dir()]
            return (file.relative_to(self.path.parent).as_posix() for city in cities for file in visible(city))
        return (name for name in self._open().namelist() if name.split("/")[-3:-2] == [split])

    def _open(self) -> zipfile.ZipFile:
        """Return the open zip; raises UserError for one that is not whole."""
        if self._zip is None:
            require_regular(self.path)
            try:
                self._zip = zipfile.ZipFile(self.path)
            except PermissionError as error:
                raise unreadable(self.path, error) from error
            except Exception as error:  # headers that are damaged are not always noticed as such
                raise UserError(f"{self.path} is not a whole zip", str(error), "fetch it again") from error
        return self._zip


def _mend_of(error: Exception) -> str:
    """Say what to do about a member that cannot be unpacked."""
    if isinstance(error, NotImplementedError):
        return "it is packed in a way that Python does not know: pack it anew with deflate, or unpack it"
    if isinstance(error, RuntimeError):
        return "it is encrypted: unpack it with its password, and leave the folder in place of the zip"
    return "fetch the zip again, then run the same command: it continues"


def complete(place: Path, files: Mapping[str, Mapping[str, str]], pattern: str) -> list[str]:
    """Return the ids that every kind of file has, or raise UserError naming the files that are missing.

    Args:
        place: the folder that was searched, for the message.
        files: by kind of file, the ids that it has.
        pattern: a file's name from ``{kind}`` and ``{id}``.
    """
    names = sorted(set().union(*files.values()), key=lambda name: (len(name), name) if name.isdigit() else (0, name))
    missing = [pattern.format(kind=kind, id=name) for kind, has in files.items() for name in names if name not in has]
    if not names:
        raise UserError(
            f"{place} has no files of Cityscapes",
            f"looked for {pattern.format(kind='{' + ','.join(files) + '}', id='*')}",
            "check that the packages are whole, and that source= names the folder that holds them",
        )
    if missing:
        raise UserError(
            f"{place} lacks {len(missing)} files of Cityscapes",
            f"the first are {', '.join(missing[:3])}",
            "unpack them again, or leave the zips there in place of the folders: they are read as they are",
        )
    return names
