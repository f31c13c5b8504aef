"""Files of the same content."""

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

from src.foundation.errors import UserError

SAMPLE = 1 << 16
"""Bytes by which files of different content are told apart before all of them is read."""


def same_content(groups: Mapping[str, Iterable[Path]]) -> dict[tuple[str, ...], list[list[Path]]]:
    """Find files whose content is in several groups, under whatever names; by groups, one list for each content.

    Raises:
        UserError: a file cannot be read.
    """
    try:
        return _found(groups)
    except OSError as error:
        what = f"{error.filename} cannot be read"
        raise UserError(what, error.strerror or str(error), "put it right, then run the same command again") from error


def _found(groups: Mapping[str, Iterable[Path]]) -> dict[tuple[str, ...], list[list[Path]]]:
    alike: dict[tuple[int, bytes], list[tuple[str, Path]]] = {}
    for group, paths in groups.items():
        for path in paths:
            alike.setdefault(_sample(path), []).append((group, path))
    same: dict[bytes, dict[str, Path]] = {}
    for candidates in alike.values():
        if len({group for group, _ in candidates}) > 1:
            for group, path in candidates:
                same.setdefault(hashlib.sha256(path.read_bytes()).digest(), {})[group] = path
    found: dict[tuple[str, ...], list[list[Path]]] = {}
    for by_group in same.values():
        if len(by_group) > 1:
            found.setdefault(tuple(by_group), []).append(list(by_group.values()))
    return found


def _sample(path: Path) -> tuple[int, bytes]:
    """Return a file's size and a digest of its middle."""
    with path.open("rb") as stream:
        size = stream.seek(0, 2)
        stream.seek(max(0, size // 2 - SAMPLE // 2))
        return size, hashlib.sha256(stream.read(SAMPLE)).digest()
