"""Folders and files that a training configuration names: absolute in what is recorded, found again after a move.

What is typed is relative to the directory that the command is started in. A run directory records absolute paths, and
its own. Of a path that is gone when the run is resumed, the place that it had relative to the run directory is tried.
"""

import copy
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from src.runs.teacher_choice import CHOICES, PROXY

Values = dict[str, Any]
PLACES = (("paths", "data"), ("paths", "runs"), ("dataset", "root"), ("dataset", "source", "path"), ("teacher", PROXY))


def with_paths(values: Mapping[str, Any], change: Callable[[str], str]) -> Values:
    """Return a configuration with its folders, its data's source and its teachers changed, which decide no outcome.

    Weights that the network starts from are left as they were typed: runs are compared by their content.
    """
    changed = copy.deepcopy(dict(values))
    for *sections, key in PLACES:
        section: Any = changed
        for name in sections:
            section = section.get(name) or {}
        if isinstance(section.get(key), str):
            section[key] = change(section[key])
    teachers = changed.get("teacher") or {}
    teachers |= {name: _entry(entry, change) for name, entry in teachers.items() if name not in (*CHOICES, PROXY)}
    return changed


def absolute(path: str) -> str:
    """Make a path absolute, as seen from the directory that the command is started in."""
    return os.path.abspath(path)


def found_again(record: Mapping[str, Any], folder: Path, moved: Mapping[str, str]) -> Callable[[str], str]:
    """Return what finds the paths that a run has recorded.

    Args:
        record: the run's record.
        folder: where its directory is now.
        moved: folders that were moved, by where they were.
    """
    before = record.get("directory")

    def find(path: str) -> str:
        path = absolute(path)
        candidates = [path]
        if isinstance(before, str):
            candidates.append(os.path.abspath(folder / os.path.relpath(path, before)))
        inside = [(old, new) for old, new in moved.items() if Path(path).is_relative_to(old)]
        candidates += [str(Path(new, os.path.relpath(path, old))) for old, new in inside]
        return next((candidate for candidate in candidates if os.path.exists(candidate)), path)

    return find


def with_found_weights(values: Values, record: Mapping[str, Any], find: Callable[[str], str]) -> Values:
    """Return the configuration that the network is built from: the file of weights that it names made absolute."""
    weights, began_in = values["model"].get("weights"), record.get("cwd")
    if not isinstance(weights, str) or not isinstance(began_in, str):
        return values
    path = find(os.path.join(began_in, weights))
    return values | {"model": values["model"] | {"weights": path}} if os.path.isfile(path) else values


def _entry(entry: Any, change: Callable[[str], str]) -> Any:
    """Change the path in a teacher's entry, and the file of weights in one that names a network."""
    if isinstance(entry, str):
        return entry if entry == "none" else change(entry)
    if not isinstance(entry, Mapping):
        return entry
    paths = {"from": entry.get("from")}
    weights = entry.get("weights")
    if isinstance(weights, str) and os.path.isfile(change(weights)):
        paths["weights"] = weights
    return {**entry, **{key: change(path) for key, path in paths.items() if isinstance(path, str)}}
