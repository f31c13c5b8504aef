"""A first ``dataset.yaml`` for a folder that has none: what its folders and a few files tell."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from src.data.files.patterns import READABLE
from src.data.sources.folder_description import FILE
from src.data.sources.folder_guesses import Guess, guess_map
from src.foundation.errors import UserError
from src.foundation.files import write_atomically

SPLITS = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation"),
    "test": ("test", "testing"),
}
"""Names of folders that are splits."""
WORDS = {
    "image": r"(images?|imgs?|rgb|colou?rs?|photos?|pictures?|leftimg8bit|jpegimages)",
    "depth": r"depths?.*",
    "normal": r"normals?.*",
    "edges": r"(edges?|boundar|contour).*",
    "label": r".*(label|seg|class|mask|annotation|gtfine).*",
}
"""What names of folders speak of."""
LAYOUTS = (
    "looked for {train,val,test}/MAP/NAME.png, MAP/{train,val,test}/NAME.png or MAP/NAME.png (or jpg, webp, tif, npy "
    "...), where MAP is image, depth, label ..."
)
SHARES = {"train": 0.8, "test": 0.2, "seed": 0}


@dataclass
class Layout:
    """Which folders are maps and which are splits: a path pattern and files by map, and the folder of each split."""

    paths: dict[str, str] = field(default_factory=dict)
    files: dict[str, list[Path]] = field(default_factory=dict)
    splits: dict[str, str] = field(default_factory=dict)


def write_description(root: Path) -> str:
    """Write ``root/dataset.yaml`` from what is found there; returns what that is, in words.

    Raises:
        UserError: nothing is there that looks like images and maps, a file cannot be read, or none can be written.
    """
    layout = find_layout(root)
    guesses = {name: guess_map(_word(name), files) for name, files in layout.files.items()}
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


def find_layout(root: Path) -> Layout:
    """Find out which folders below ``root`` are splits and which are maps; raises UserError where none is known."""
    layout = Layout()
    by_map: dict[str, dict[str | None, list[Path]]] = {}
    orders: dict[str, str] = {}
    for path in _files(root):
        *folders, _ = path.relative_to(root).parts
        split = next((folder for folder in folders if _split(folder)), None)
        maps = [folder for folder in folders if folder != split]
        if len(maps) == 1:
            by_map.setdefault(maps[0], {}).setdefault(split, []).append(path)
            if split:
                orders[maps[0]] = "{split}/" + maps[0] if folders[0] == split else maps[0] + "/{split}"
    if len(by_map) < 2:
        raise UserError(
            f"{root} holds no {FILE}, and no images and maps by which to write one",
            f"{LAYOUTS}\n        found: {_found(root)}",
            f"write {root / FILE} (docs/your_data.md shows one), or name the folder that holds them: source=DIR",
        )
    folders_of = {split for of_map in by_map.values() for split in of_map if split}
    found = {_split(folder): folder for folder in sorted(folders_of)}
    layout.splits = {split: found[split] for split in SPLITS if split in found}
    drawn = len(layout.splits) < 2
    for name, of_map in sorted(by_map.items(), key=lambda item: (_word(item[0]) != "image", item[0])):
        files = sorted(path for paths in of_map.values() for path in paths)
        place = orders.get(name, name)
        if drawn:
            place = place.replace("{split}", next(iter(folders_of), ""))
        endings = {path.suffix for path in files}
        layout.paths[name] = f"{place}/{{name}}{endings.pop() if len(endings) == 1 else '.*'}"
        layout.files[name] = files
    layout.splits = {} if drawn else layout.splits
    return layout


def _files(root: Path) -> Iterator[Path]:
    """Yield the files with readable endings one or two folders deep, hidden ones passed over."""
    for pattern in ("*/*", "*/*/*"):
        for path in sorted(root.glob(pattern)):
            hidden = any(part.startswith(".") for part in path.relative_to(root).parts)
            if not hidden and path.suffix.lower() in READABLE and path.is_file():
                yield path


def _split(folder: str) -> str | None:
    return next((split for split, names in SPLITS.items() if folder.lower() in names), None)


def _word(folder: str) -> str:
    return next((word for word, names in WORDS.items() if re.fullmatch(names, folder.lower())), "")


def _map_names(root: Path, guesses: Mapping[str, Guess]) -> dict[str, str]:
    """Name the maps after their folders, those of one word by it; exactly one is the image."""
    images = [folder for folder, guess in guesses.items() if guess.kind == "image"]
    if not images:
        told = ", ".join(f"{folder} ({guess.kind}: {guess.reasons['kind']})" for folder, guess in guesses.items())
        raise UserError(f"none of the folders in {root} holds photographs", told, f"write {root / FILE} yourself")
    names: dict[str, str] = {}
    for folder in guesses:
        word = "image" if folder == images[0] else _word(folder)
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


def _found(root: Path) -> str:
    names = sorted(path.name + ("/" if path.is_dir() else "") for path in root.iterdir() if path.name[0] != ".")
    return (", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")) or "nothing"
