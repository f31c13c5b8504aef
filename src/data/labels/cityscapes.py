"""Cityscapes' label sets: 34 ids -> 19 training classes -> 7 categories (Cordts et al., CVPR 2016).

An id is a pixel's value in ``*_gtFine_labelIds.png``. Licence plates have the id -1, which the official tools do not
draw; where another tool wrote it as 255 it is ignored in both sets.
"""

import numpy as np

from src.modalities.base import Modality
from src.visual.palette import Colour

LICENCE_PLATE = 255  # -1 in a picture of 8 bits

# category: its ids in order, and which of them are training classes, by name and colour
_Row = tuple[str, Colour | None]
_CATEGORIES: dict[str, tuple[_Row, ...]] = {
    "void": (
        ("unlabeled", None),
        ("ego vehicle", None),
        ("rectification border", None),
        ("out of roi", None),
        ("static", None),
        ("dynamic", None),
        ("ground", None),
    ),
    "flat": (("road", (128, 64, 128)), ("sidewalk", (244, 35, 232)), ("parking", None), ("rail track", None)),
    "construction": (
        ("building", (70, 70, 70)),
        ("wall", (102, 102, 156)),
        ("fence", (190, 153, 153)),
        ("guard rail", None),
        ("bridge", None),
        ("tunnel", None),
    ),
    "object": (
        ("pole", (153, 153, 153)),
        ("polegroup", None),
        ("traffic light", (250, 170, 30)),
        ("traffic sign", (220, 220, 0)),
    ),
    "nature": (("vegetation", (107, 142, 35)), ("terrain", (152, 251, 152))),
    "sky": (("sky", (70, 130, 180)),),
    "human": (("person", (220, 20, 60)), ("rider", (255, 0, 0))),
    "vehicle": (
        ("car", (0, 0, 142)),
        ("truck", (0, 0, 70)),
        ("bus", (0, 60, 100)),
        ("caravan", None),
        ("trailer", None),
        ("train", (0, 80, 100)),
        ("motorcycle", (0, 0, 230)),
        ("bicycle", (119, 11, 32)),
    ),
}
_ROWS = [(name, colour, category) for category, rows in _CATEGORIES.items() for name, colour in rows]
_TRAINED = {name: colour for name, colour, _ in _ROWS if colour is not None}

IDS: tuple[str, ...] = tuple(name for name, _, _ in _ROWS)
CITYSCAPES_19 = Modality(name="label19", kind="classes", names=tuple(_TRAINED), colours=tuple(_TRAINED.values()))
CITYSCAPES_7 = Modality(
    name="label7",
    kind="classes",
    names=tuple(name for name in _CATEGORIES if name != "void"),
    colours=tuple(next(colour for _, colour in rows if colour) for name, rows in _CATEGORIES.items() if name != "void"),
)


def ids_to_nineteen(ids: np.ndarray) -> np.ndarray:
    """Map ids 0..33 (255 = licence plate) to classes 0..18, -1 for ids that are not trained on, int8; any shape."""
    return _TO_NINETEEN[ids]


def ids_to_seven(ids: np.ndarray) -> np.ndarray:
    """Map ids 0..33 (255 = licence plate) to categories 0..6, -1 for void, int8; any shape."""
    return _TO_SEVEN[ids]


def nineteen_to_seven(label19: np.ndarray) -> np.ndarray:
    """Map classes 0..18 (-1 = ignore) to categories 0..6, int8; any shape."""
    return _NINETEEN_TO_SEVEN[label19.astype(np.int64)]


def _table(labels: Modality, column: int) -> np.ndarray:
    """Build the map (256) from ids to classes of ``labels``, which ``column`` of _ROWS names; -1 for all other ids."""
    table = np.full(LICENCE_PLATE + 1, -1, np.int8)
    for index, row in enumerate(_ROWS):
        if row[column] in labels.names:
            table[index] = labels.names.index(str(row[column]))
    return table


_TO_NINETEEN = _table(CITYSCAPES_19, 0)
_TO_SEVEN = _table(CITYSCAPES_7, 2)
# the last entry is what index -1 finds: ignored stays ignored
_NINETEEN_TO_SEVEN = np.array([*(_TO_SEVEN[IDS.index(name)] for name in CITYSCAPES_19.names), -1], np.int8)
