"""Which value or colour of a label map stands for which class."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from src.data.sources.folder_description import MapDescription, listed
from src.modalities.base import IGNORE
from src.visual.palette import Colour

FEW = 5

GREY = (128, 128, 128)
"""The colour of a class that a palette lacks."""


@dataclass(frozen=True)
class ClassCoding:
    """Names of classes, the class of each value or packed colour (-1 where ignored), and whether they are colours."""

    names: tuple[str, ...]
    colours: tuple[Colour, ...]
    classes: dict[int, int]
    by_colour: bool

    def decode(self, values: np.ndarray) -> np.ndarray:
        """Return the classes of a map (H, W), or of colours (H, W, 3), as int16; raises ValueError for unknown ones."""
        codes = packed(values) if self.by_colour else _whole(values)
        found, places = np.unique(codes, return_inverse=True)
        unknown = [int(code) for code in found if int(code) not in self.classes]
        if unknown:
            told = ", ".join(self._written(code) for code in unknown[:FEW])
            more = f" and {len(unknown) - FEW} more" if len(unknown) > FEW else ""
            raise ValueError(f"{'the colour' if self.by_colour else 'the value'} {told}{more}")
        table = np.array([self.classes[int(code)] for code in found], np.int16)
        return table[places.reshape(codes.shape)]

    def with_palette(self, palette: Sequence[Colour]) -> tuple[Colour, ...]:
        """Return the colours that were given, or those that a palette has for the first value of each class."""
        if self.colours or self.by_colour:
            return self.colours
        found = {index: palette[code] for code, index in reversed(self.classes.items()) if 0 <= code < len(palette)}
        return (
            tuple(found[index] for index in range(len(self.names))) if set(range(len(self.names))) <= set(found) else ()
        )

    def _written(self, code: int) -> str:
        return f"[{code >> 16}, {code >> 8 & 255}, {code & 255}]" if self.by_colour else str(code)


def packed(colours: np.ndarray) -> np.ndarray:
    """Return colours (..., 3) as one number each, red first."""
    red, green, blue = np.moveaxis(colours.astype(np.int64), -1, 0)
    return np.asarray(red << 16 | green << 8 | blue)


def class_coding(described: MapDescription) -> ClassCoding:
    """Return the coding that a map of classes describes; raises ValueError where it contradicts itself."""
    table = described.classes or []
    by_colour = isinstance(table, dict) and any(not isinstance(value, str) for value in table.values())
    if described.offset is not None and isinstance(table, dict):
        raise ValueError("offset is for a list of classes, not for a mapping, which says each value")
    if by_colour and described.colours is not None:
        raise ValueError("colours is given twice, as the classes' own and as `colours`")
    ignored = _ignored(described, by_colour)
    colours: tuple[Colour, ...] = tuple(described.colours or ())
    if isinstance(table, list):
        first = described.offset or 0
        names, classes = list(table), {first + index: index for index in range(len(table))}
    elif by_colour:
        names, colours = list(table), tuple((c[0], c[1], c[2]) for c in table.values() if not isinstance(c, str))
        codes = [int(packed(np.array(colour))) for colour in colours]
        if len(set(codes)) < len(codes):
            raise ValueError("two classes have one colour")
        classes = {code: index for index, code in enumerate(codes)}
    else:
        by_value = {_number(value): str(name) for value, name in table.items()}
        names = list(dict.fromkeys(by_value.values()))
        places = {name: index for index, name in enumerate(names)}
        classes = {value: places[name] for value, name in by_value.items()}
    both = [code for code in ignored if code in classes]
    if both:
        raise ValueError(
            f"{len(both)} values are both a class and ignored, the first is that of {names[classes[both[0]]]}"
        )
    return ClassCoding(tuple(names), colours, classes | dict.fromkeys(ignored, IGNORE), by_colour)


def _ignored(described: MapDescription, by_colour: bool) -> list[int]:
    values = listed(described.ignore)
    if not by_colour:
        if any(isinstance(value, tuple) for value in values):
            raise ValueError("ignore holds a colour, but the classes are known by values")
        return values
    if len(values) == 3 and all(isinstance(value, int) for value in values):
        values = [tuple(values)]
    if any(isinstance(value, int) or not set(value) <= set(range(256)) for value in values):
        raise ValueError("ignore holds values, but the classes are known by colours, [red, green, blue] in 0..255")
    return [int(packed(np.array(value))) for value in values]


def _number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValueError(
            f"classes maps {text} to a name: that is no whole number (or name: [red, green, blue])"
        ) from None


def _whole(values: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        whole = values.astype(np.int64)
    if not np.array_equal(whole, values):
        raise ValueError("values that are no whole numbers")
    return whole
