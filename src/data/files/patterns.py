"""Files that a pattern names, such as ``train/image/{name}.*``."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from src.data.files.pictures import SUFFIXES
from src.foundation.errors import UserError

READABLE = (*SUFFIXES, ".npy")
"""Endings of the files that ``.*`` stands for."""
MEND = "put it right, then run the same command again"
Place = tuple[Path, str | None]
"""A file or folder, and the frame's name as far as its path says it."""


def find_files(root: Path, pattern: str) -> dict[str, list[Path]]:
    """Map the names that ``{name}`` stands for to the files below ``root`` that ``pattern`` fits, in order.

    ``*`` stands for any text within a name of a folder or file, ``.*`` at the end for the ending of a picture or .npy
    file. Endings fit in capitals too. Hidden files are passed over.

    Raises:
        UserError: a folder that cannot be listed, or something of a fitting name that is no file.
    """
    *folders, last = pattern.split("/")
    places: list[Place] = [(root, None)]
    for folder in folders:
        places = [found for place in places for found in _folders(place, folder)]
    files: dict[str, list[Path]] = {}
    for place in places:
        for path, name in _fitting(place, _ending_in_any_case(last)):
            if name is not None and _is_file(path):
                files.setdefault(name, []).append(path)
    return {name: sorted(files[name]) for name in sorted(files)}


def _folders(place: Place, component: str) -> Iterator[Place]:
    parent, name = place
    if component in ("", "."):
        yield place
    elif "*" not in component and "{name}" not in component:
        yield (parent / component, name)
    else:
        yield from ((path, found) for path, found in _fitting(place, _expression(component)) if path.is_dir())


def _fitting(place: Place, expression: str) -> Iterator[Place]:
    """Yield what a folder holds that an expression fits; the frame's name, once known, fits only itself."""
    folder, known = place
    if known is not None:
        expression = expression.replace("(?P<name>.+)", re.escape(known))
    compiled = re.compile(expression, re.DOTALL)
    for entry in _listed(folder):
        if not entry.startswith(".") and (match := compiled.fullmatch(entry)):
            yield folder / entry, match.groupdict().get("name", known)


def _listed(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise UserError(f"{folder} cannot be read", error.strerror or str(error), MEND) from error


def _is_file(path: Path) -> bool:
    if path.is_file():
        return True
    if path.is_dir():
        return False
    if path.is_symlink():
        why = "its target is not there" if _leads_away(path) else "it leads to itself"
        raise UserError(f"{path} is a link that leads to no file", why, MEND)
    raise UserError(f"{path} is no file", "it is a pipe, a socket or a device", MEND)


def _leads_away(link: Path) -> bool:
    try:
        link.resolve(strict=True)
    except FileNotFoundError:
        return True
    except (OSError, RuntimeError):
        return False
    return True


def _expression(text: str) -> str:
    """Write a component of a pattern as a regular expression; a second ``{name}`` is the same as the first."""
    written, named = "", False
    for token in re.split(r"(\{name\}|\*)", text):
        if token == "{name}":
            written += "(?P=name)" if named else "(?P<name>.+)"
            named = True
        else:
            written += ".*" if token == "*" else re.escape(token)
    return written


def _ending_in_any_case(component: str) -> str:
    stem, dot, ending = component.rpartition(".")
    if not dot or "{name}" in ending or ("*" in ending and ending != "*"):
        return _expression(component)
    endings = "|".join(suffix[1:] for suffix in READABLE) if ending == "*" else re.escape(ending)
    return rf"{_expression(stem)}\.(?i:{endings})"
