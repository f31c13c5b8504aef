"""Which files a folder holds."""

from collections.abc import Sequence
from pathlib import Path

from src.data.files.opening import unreadable
from src.foundation.errors import UserError

SYSTEM_FILES = frozenset({"thumbs.db", "desktop.ini", "__macosx", "icon\r"})
"""What file managers leave in folders, beside names that begin with a point."""


def is_hidden(name: str) -> bool:
    """Whether a file is a file manager's or an archive tool's own: ``.DS_Store``, ``._NAME``, ``Thumbs.db``."""
    return name.startswith(".") or name.lower() in SYSTEM_FILES


def visible(folder: Path) -> list[Path]:
    """List a folder's entries in order, hidden ones left out, none where there is no folder.

    Raises:
        UserError: it may not be read.
    """
    try:
        return sorted(path for path in folder.iterdir() if not is_hidden(path.name))
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise unreadable(folder, error) from error


def files_by_stem(folder: Path, suffixes: Sequence[str]) -> dict[str, Path]:
    """Map names without suffix to the files of a folder that have one of ``suffixes`` (any case), in order.

    Raises:
        UserError: two files have one name, such as a PNG beside a JPG, or the folder may not be read.
    """
    found: dict[str, Path] = {}
    for path in visible(folder):
        if path.suffix.lower() not in suffixes:
            continue
        if path.stem in found:
            raise UserError(
                f"{folder} has two files named {path.stem}",
                f"{found[path.stem].name} and {path.name}: which of them is meant is not known",
                "move one of them out of the folder",
            )
        found[path.stem] = path
    return found


def in_wrapping_folder(root: Path, has: Sequence[str]) -> Path:
    """Return ``root``, or the only folder in it where that alone holds one of the names ``has``: archives that were
    packed anew often unpack into one more folder."""
    if any((root / name).exists() for name in has):
        return root
    inner = [path for path in visible(root) if path.is_dir()]
    if len(inner) == 1 and any((inner[0] / name).exists() for name in has):
        return inner[0]
    return root


def nothing_in(folder: Path, kinds: Sequence[str], suffixes: Sequence[str]) -> UserError:
    """Return the error for a split's folder in which none of the folders ``kinds`` holds a file that is looked for."""
    there = {path.suffix or path.name for kind in kinds for path in visible(folder / kind)}
    found = f"their files end with {', '.join(sorted(there)[:5])}" if there else f"it holds {told(folder)}"
    return UserError(
        f"{folder} has no files that are read",
        f"looked in {', '.join(kinds)} for files that end with {', '.join(suffixes)}; {found}",
        "put them there, or convert them",
    )


def told(root: Path) -> str:
    """Name what a folder holds, a few names of it, for messages."""
    if not root.is_dir():
        return "a file of another kind" if root.exists() else "nothing, for it is not there"
    names = [path.name + ("/" if path.is_dir() else "") for path in visible(root)]
    return (", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")) or "nothing"
