"""Archives that name their frames in text files and hold each kind of map in a folder of its own."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from src.data.files.listing import files_by_stem
from src.foundation.errors import UserError

Place = tuple[str, tuple[str, ...]]
"""A folder and the suffixes of files in it, the preferred one first."""


@dataclass(frozen=True)
class Archive:
    """How an archive is laid out.

    Args:
        title: the dataset's name.
        command: the command that prepares it, without the place.
        lists: split -> text file with a frame's name in each line.
        places: kind of map -> where its files, which are called like their frames, can be; the first wins.
    """

    title: str
    command: str
    lists: Mapping[str, str]
    places: Mapping[str, tuple[Place, ...]]

    def find(self, path: str | None) -> Path:
        """Return the folder that holds the archive: ``path`` or the only fitting one in it.

        Raises:
            UserError: there is no such folder, or it holds nothing of the archive, or several folders do.
        """
        if path is None:
            raise UserError(f"{self.title} is not drawn, it has to be given", self._looked_for(), self._mend())
        root = Path(path).expanduser()
        if root.is_file():
            raise UserError(f"{root} is a file", self._looked_for(), f"unpack it, then {self._mend()}")
        if not root.is_dir():
            raise UserError(f"there is no folder {root}", self._looked_for(), self._mend())
        if self._holds_some(root):
            return root
        entries = sorted(entry for entry in root.iterdir() if not entry.name.startswith("."))
        fitting = [entry for entry in entries if entry.is_dir() and self._holds_some(entry)]
        if len(fitting) > 1:
            names = ", ".join(entry.name for entry in fitting)
            raise UserError(f"{root} holds several copies of {self.title}: {names}", "", f"{self.command}{fitting[0]}")
        if not fitting:
            names = ", ".join(entry.name for entry in entries[:8]) or "nothing"
            more = f" and {len(entries) - 8} more" if len(entries) > 8 else ""
            why = f"{self._looked_for()}\n        found: {names}{more}"
            raise UserError(f"no {self.title} in {root}", why, self._mend())
        return fitting[0]

    def frames(self, root: Path) -> dict[str, list[str]]:
        """Read the names of the frames of each split.

        Raises:
            UserError: a list is missing, cannot be read or is empty, or names a frame twice.
        """
        splits = {split: self._names(root / file) for split, file in self.lists.items()}
        seen: dict[str, str] = {}
        for split, names in splits.items():
            for name in names:
                if name in seen:
                    where = f"{self.lists[split]}" if seen[name] == split else " and ".join(self.lists.values())
                    raise UserError(f"{root} lists the frame {name} twice", f"in {where}", "unpack the archive again")
                seen[name] = split
        return splits

    def files(self, root: Path, frames: Mapping[str, list[str]]) -> dict[str, dict[str, Path]]:
        """Return the file of each kind of map and frame; raises UserError that names those that are missing."""
        found = {kind: self._files(root, places) for kind, places in self.places.items()}
        names = [name for split in frames.values() for name in split]
        missing = [
            f"{places[-1][0]}/{name}{places[-1][1][0]}"
            for kind, places in self.places.items()
            for name in names
            if name not in found[kind]
        ]
        if missing:
            raise UserError(
                f"{root} lacks {len(missing)} files of {self.title}",
                f"the first {'are' if len(missing) > 1 else 'is'} {', '.join(missing[:3])}"
                f" (suffixes: {self._suffixes(missing[:3])})",
                f"unpack the archive again, then {self._mend()}",
            )
        return {kind: {name: files[name] for name in names} for kind, files in found.items()}

    def _files(self, root: Path, places: tuple[Place, ...]) -> dict[str, Path]:
        files: dict[str, Path] = {}
        for folder, suffixes in places:
            for suffix in suffixes:
                files = files_by_stem(root / folder, (suffix,)) | files
        return files

    def _suffixes(self, missing: list[str]) -> str:
        folders = {name.rpartition("/")[0] for name in missing}
        found = [suffix for places in self.places.values() for at, known in places if at in folders for suffix in known]
        return ", ".join(dict.fromkeys(found))

    def _names(self, file: Path) -> list[str]:
        try:
            names = [line.strip() for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
        except (OSError, UnicodeDecodeError) as error:
            why = "it is no text" if isinstance(error, UnicodeDecodeError) else str(error.strerror)
            raise UserError(f"{file} cannot be read", why, "unpack the archive again") from error
        if not names:
            raise UserError(f"{file} names no frame", "it is empty", "unpack the archive again")
        return names

    def _holds_some(self, folder: Path) -> bool:
        folders = {place[0] for places in self.places.values() for place in places}
        return any((folder / name).is_file() for name in self.lists.values()) or any(
            (folder / name).is_dir() for name in folders
        )

    def _looked_for(self) -> str:
        places = [f"{place[0][0]}/NAME{place[0][1][0]}" for place in self.places.values()]
        return f"looked for {', '.join(self.lists.values())}\n        and {', '.join(places)}, or a folder of all that"

    def _mend(self) -> str:
        return f"{self.command}FOLDER"
