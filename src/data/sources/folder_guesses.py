"""What the values of a few files tell of a map."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from src.data.files.arrays import read_npy
from src.data.files.pictures import read_palette, read_picture
from src.data.sources.folder_classes import packed
from src.foundation.errors import UserError
from src.modalities.base import MOST_CLASSES, Kind

LOOKED_AT = 4
"""Files of a map by which its kind is decided."""
COUNTED = 200
"""Files of a map of classes from which values are collected."""
FEW = 64
"""Most different values of a map of classes."""
IGNORED = 255


@dataclass
class Guess:
    """What a map seems to be: its kind, further keys of its description, and by key the reason for the guess."""

    kind: Kind
    keys: dict[str, Any] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)


def guess_map(word: str, files: Sequence[Path]) -> Guess:
    """Guess what a map is.

    Args:
        word: the kind of map that its folder's name speaks of: image, depth, normal, edges, label or nothing.
        files: all its files.

    Raises:
        UserError: a file cannot be read.
    """
    values, modes = zip(*(_read(path) for path in _spread(files, LOOKED_AT)), strict=True)
    if all(value.ndim == 3 and value.shape[-1] >= 3 for value in values):
        return _of_colours(word, values, files)
    if any(value.ndim != 2 for value in values):
        return Guess("scalar", reasons={"kind": f"the shape {values[0].shape} is that of no map known here"})
    if word == "image":
        return Guess("image", reasons={"kind": "its name; grey pictures"})
    found = np.unique(np.concatenate([np.unique(value) for value in values]))
    if modes[0] == "P":
        return _classes(files, "its pictures have a palette") or _scalar(word, values, found, modes[0])
    if set(found.tolist()) <= {0, 255} or (set(found.tolist()) <= {0, 1} and word != "label"):
        return _binary(word, f"it holds {' and '.join(f'{value:g}' for value in found)} only")
    if word == "edges" or (found.size > FEW and _mostly_black_and_white(values)):
        guess = _binary(word, "its name speaks of edges" if word == "edges" else "nearly all of it is 0 or 255")
        guess.keys["threshold"] = 128 if found.max() > 1 else 0.5
        guess.reasons["threshold"] = f"it holds {found.size} values; those from here on are 1"
        return guess
    measured = word == "depth" or (word != "label" and found.dtype == np.uint16)
    if word == "label" or (found.size <= FEW and not measured):
        guessed = _classes(files, f"it holds {found.size} different whole numbers in {len(values)} files")
        return guessed or _scalar(word, values, found, modes[0])
    return _scalar(word, values, found, modes[0])


def _of_colours(word: str, values: Sequence[np.ndarray], files: Sequence[Path]) -> Guess:
    if values[0].dtype.kind == "f":
        return Guess(
            "vector", {"mirrored": [0]}, {"kind": "arrays of floats with 3 channels", "mirrored": "x is first"}
        )
    if word == "image":
        return Guess("image", reasons={"kind": "its name, and pictures in colour"})
    colours = np.concatenate([value[..., :3].reshape(-1, 3) for value in values])
    distinct = np.unique(packed(colours))
    if distinct.size <= FEW and word != "normal":
        return _by_colour(files)
    length = np.linalg.norm(colours / 127.5 - 1, axis=-1)
    unit = float((np.abs(length - 1) < 0.1)[(length > 0.3) & (length < 1.7)].mean()) if colours.size else 0.0
    if unit > 0.9 or (word == "normal" and unit > 0.5):
        reason = f"{unit:.0%} of its colours are unit vectors by value / 127.5 - 1"
        return Guess("vector", {"mirrored": [0]}, {"kind": reason, "mirrored": "x, the component that a mirror turns"})
    return Guess("image", reasons={"kind": f"pictures with {distinct.size} colours"})


def _classes(files: Sequence[Path], reason: str) -> Guess | None:
    """Guess which values are classes; None where not all are whole numbers."""
    counted = _spread(files, COUNTED)
    numbers = {value for path in counted for value in np.unique(_read(path)[0]).tolist()}
    if not all(np.isfinite(value) and value == int(value) for value in numbers):
        return None
    found = {int(value) for value in numbers}
    outside = len(found) > 2 and max(found) == IGNORED and IGNORED - 1 not in found
    ignored = sorted(value for value in found if value < 0 or (outside and value == IGNORED))
    values = sorted(found - set(ignored))
    if not values or len(values) > MOST_CLASSES:
        return None
    in_order = values[-1] < max(FEW, 2 * len(values))
    names = [f"class {index}" for index in range(values[-1] + 1)] if in_order else None
    guess = Guess("classes", {"classes": names or {value: f"class {value}" for value in values}})
    guess.reasons = {"kind": reason, "classes": f"values in {len(counted)} of {len(files)} files; name them"}
    if ignored:
        guess.keys["ignore"] = ignored if len(ignored) > 1 else ignored[0]
        guess.reasons["ignore"] = "usual for pixels that do not count"
    palette = read_palette(files[0]) if names and files[0].suffix.lower() != ".npy" else ()
    colours = [list(colour) for colour in palette[: len(names or [])]]
    if names and len(colours) == len(names):
        guess.keys["colours"] = colours
        guess.reasons["colours"] = f"the palette of {files[0].name}"
    return guess


def _by_colour(files: Sequence[Path]) -> Guess:
    counted = _spread(files, COUNTED)
    found = sorted({int(code) for path in counted for code in np.unique(packed(_read(path)[0][..., :3]))})
    table = {f"class {index}": [code >> 16, code >> 8 & 255, code & 255] for index, code in enumerate(found)}
    guess = Guess("classes", {"classes": table})
    guess.reasons = {
        "kind": f"pictures in {len(found)} colours",
        "classes": f"colours in {len(counted)} of {len(files)} files; name them",
    }
    return guess


def _binary(word: str, reason: str) -> Guess:
    guess = Guess("binary", reasons={"kind": reason})
    if word == "edges":
        guess.keys["resize"] = "any"
        guess.reasons["resize"] = "thin lines stay whole"
    return guess


def _mostly_black_and_white(values: Sequence[np.ndarray]) -> bool:
    return float(np.mean([np.isin(value, (0, 255)).mean() for value in values])) > 0.9


def _scalar(word: str, values: Sequence[np.ndarray], found: np.ndarray, mode: str) -> Guess:
    finite = found[np.isfinite(found)]
    told = f"{finite[0]:g}..{finite[-1]:g}" if finite.size else "nothing finite"
    guess = Guess("scalar", {"scale": 1, "unit": ""}, {"kind": f"{values[0].dtype} values {told}"})
    guess.reasons["scale"] = "stored value per unit: value / scale is what the unit says"
    if word == "depth":
        sixteen = mode.startswith("I") or values[0].dtype == np.uint16
        guess.keys |= {"scale": 1000 if sixteen else 1, "unit": "m", "zoom": "divided"}
        guess.reasons["zoom"] = "what is enlarged appears nearer"
        guess.reasons["scale"] = "millimetres are usual for 16 bits" if sixteen else guess.reasons["scale"]
    marks = [mark for mark in (0, 65535) if word == "depth" and finite.size and mark in finite]
    if marks:
        guess.keys["invalid"] = marks if len(marks) > 1 else marks[0]
        guess.reasons["invalid"] = "usual for pixels without depth; leave it out where it is a value like any other"
    return guess


def _read(path: Path) -> tuple[np.ndarray, str]:
    """Read a file: its array, channels last, and Pillow's mode; grey in three equal channels is grey."""
    value, mode = (read_npy(path), "") if path.suffix.lower() == ".npy" else read_picture(path)
    if value.dtype.kind not in "buif" or not value.size:
        raise UserError(f"{path} holds {value.dtype} of the shape {value.shape}", "a map is numbers", "take it away")
    if value.ndim == 3 and value.shape[-1] == 1:
        value = value[..., 0]
    if mode == "LA":
        value = value[..., 0]
    if value.ndim == 3 and value.dtype == np.uint8 and (value[..., :3] == value[..., :1]).all():
        value = value[..., 0]
    return (value.astype(np.uint8) if value.dtype == bool else value), mode


def _spread(files: Sequence[Path], count: int) -> list[Path]:
    """Return at most ``count`` of the files, spread evenly over them."""
    places = np.unique(np.linspace(0, len(files) - 1, min(count, len(files))).astype(int))
    return [files[place] for place in places]
