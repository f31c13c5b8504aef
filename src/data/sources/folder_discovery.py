"""A first ``dataset.yaml`` for a folder that has none: what its folders and a few files tell."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from src.data.sources.folder_description import FILE
from src.data.sources.folder_guesses import Guess, guess_map
from src.data.sources.folder_layout import Layout, find_layout, speaks_of
from src.foundation.errors import UserError
from src.foundation.files import write_atomically

SHARES = {"train": 0.8, "test": 0.2, "seed": 0}


def write_description(root: Path) -> str:
    """Write ``root/dataset.yaml`` from what is found there; returns what that is, in words.

    Raises:
        UserError: nothing is there that looks like images and maps, a file cannot be read, or none can be written.
    """
    layout = find_layout(root)
    guesses = {name: guess_map(speaks_of(name), files) for name, files in layout.files.items()}
    names = _map_names(root, guesses)
    lines = [
        "# What was found in this folder: correct it, then prepare again. docs/your_data.md explains every key.",
        f"name: {_plain_name(root.resolve().name)} # the folder's name",
        "# size: [HEIGHT, WIDTH] # needed where the images differ in size, or are larger than you want to train on",
        *_splits(layout),
        "modalities:",
    ]
    for folder, guess in guesses.items():
        lines += [
            f"  {names[folder]}:",
            f"    path: {_quoted(layout.paths[folder])} # {len(layout.files[folder])} files",
        ]
        lines += [f"    kind: {guess.kind}{_reason(guess, 'kind')}"]
        for key, value in guess.keys.items():
            lines += _written(key, value, _reason(guess, key))
    try:
        write_atomically(root / FILE, "\n".join(lines) + "\n")
    except OSError as error:
        raise UserError(
            f"{root / FILE} cannot be written", error.strerror or str(error), "make the folder writable"
        ) from error
    count = sum(map(len, layout.files.values()))
    return f"{count} files of {', '.join(f'{names[folder]} ({guess.kind})' for folder, guess in guesses.items())}"


def _map_names(root: Path, guesses: Mapping[str, Guess]) -> dict[str, str]:
    """Name the maps after their folders, those of one word by it; exactly one is the image."""
    images = [folder for folder, guess in guesses.items() if guess.kind == "image"]
    if not images:
        told = ", ".join(f"{folder} ({guess.kind}: {guess.reasons['kind']})" for folder, guess in guesses.items())
        raise UserError(f"none of the folders in {root} holds photographs", told, f"write {root / FILE} yourself")
    names: dict[str, str] = {}
    for folder in guesses:
        word = "image" if folder == images[0] else speaks_of(folder)
        name = word if word not in ("", "label") and (word != "image" or folder == images[0]) else _plain_word(folder)
        names[folder] = name if name not in names.values() else _plain_word(folder)
    return names


def _splits(layout: Layout) -> list[str]:
    values: dict[str, Any] = dict(layout.splits) or SHARES
    reason = "the folders that there are" if layout.splits else "drawn, since no folders are called train and test"
    if layout.splits and "test" not in values:
        values = {"train": values["train"], "test": values["val"]}
        reason = f"{values['test']} is tested on, since there is no folder called test"
    elif layout.splits and "train" not in values:
        values, reason = dict(SHARES), "drawn, since there is no folder called train"
    return [f"splits: {{{', '.join(f'{key}: {_quoted(value)}' for key, value in values.items())}}} # {reason}"]


def _written(key: str, value: Any, reason: str) -> list[str]:
    """Write a key of a map, with one line for each entry of a mapping."""
    if isinstance(value, dict):
        return [f"    {key}:{reason}", *(f"      {name}: {_quoted(entry)}" for name, entry in value.items())]
    return [f"    {key}: {_quoted(value)}{reason}"]


def _quoted(value: Any) -> str:
    """Write a value as YAML on one line."""
    return json.dumps(value, ensure_ascii=False)


def _reason(guess: Guess, key: str) -> str:
    return f" # {guess.reasons[key]}" if key in guess.reasons else ""


def _plain_name(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-._") or "mine"


def _plain_word(text: str) -> str:
    word = re.sub(r"[^A-Za-z0-9_]+", "_", text).strip("_")
    return word if word[:1].isalpha() else f"map_{word}"
