"""NYUv2's label sets: 894 raw classes -> 40 (Gupta et al., CVPR 2013) -> 13 (Couprie et al., ICLR 2013).

The numbers of the raw classes are those of ``names`` in ``nyu_depth_v2_labeled.mat``. The map to 40 classes agrees
with the published ``classMapping40.mat``, the map to 13 with ``class13Mapping.mat`` of SceneNet's authors.
"""

import numpy as np

from src.modalities.base import Modality

RAW_CLASSES = 894

# class of the 40: (its raw number, its class of the 13); raw class and class of the 40 have the same name
_FORTY: dict[str, tuple[int, str]] = {
    "wall": (21, "wall"),
    "floor": (11, "floor"),
    "cabinet": (3, "furniture"),
    "bed": (157, "bed"),
    "chair": (5, "chair"),
    "sofa": (83, "sofa"),
    "table": (19, "table"),
    "door": (28, "wall"),
    "window": (59, "window"),
    "bookshelf": (88, "furniture"),
    "picture": (64, "picture"),
    "counter": (7, "furniture"),
    "blinds": (80, "window"),
    "desk": (36, "table"),
    "shelves": (42, "furniture"),
    "curtain": (89, "window"),
    "dresser": (169, "furniture"),
    "pillow": (119, "objects"),
    "mirror": (122, "objects"),
    "floor mat": (143, "floor"),
    "clothes": (141, "objects"),
    "ceiling": (4, "ceiling"),
    "books": (85, "books"),
    "refridgerator": (17, "furniture"),  # the spelling of the dataset
    "television": (172, "tv"),
    "paper": (15, "objects"),
    "towel": (135, "objects"),
    "shower curtain": (123, "objects"),
    "box": (26, "objects"),
    "whiteboard": (45, "objects"),
    "person": (331, "objects"),
    "night stand": (158, "furniture"),
    "toilet": (124, "objects"),
    "sink": (24, "objects"),
    "lamp": (144, "objects"),
    "bathtub": (136, "objects"),
    "bag": (55, "objects"),
}

_OTHER_STRUCTURE = """
8 25 33 38 51 53 57 58 62 65 79 94 104 112 134 153 215 216 223 225 238 241 242 256 295 301 339 342 354 363 372
380 392 408 412 453 456 463 477 497 541 550 553 567 573 582 591 609 612 615 642 645 657 658 659 663 667 668 686
700 702 777 778 782 850 861 868 874
"""
_OTHER_FURNITURE = """
12 43 48 50 87 106 111 161 163 174 183 204 214 219 221 224 236 262 278 291 298 313 343 344 356 359 373 393 401
414 418 419 430 443 444 447 448 457 458 460 462 475 479 485 486 493 494 498 499 509 510 515 521 524 540 549 551
554 556 558 576 580 608 625 703 734 770 772 797 800 803 804 813 814 815 820 829 835 858 863 882 892
"""
# (name, raw numbers, class of the 13) of the collecting classes; whatever is in none of them is otherprop
_OTHERS = (
    ("otherstructure", _OTHER_STRUCTURE, "objects"),
    ("otherfurniture", _OTHER_FURNITURE, "furniture"),
    ("otherprop", "", "objects"),
)

_THIRTEEN = {
    "bed": (64, 105, 225),
    "books": (178, 34, 52),
    "ceiling": (224, 222, 210),
    "chair": (214, 39, 40),
    "floor": (140, 104, 72),
    "furniture": (255, 160, 60),
    "objects": (255, 222, 70),
    "picture": (200, 80, 200),
    "sofa": (110, 60, 170),
    "table": (46, 160, 67),
    "tv": (30, 30, 60),
    "wall": (150, 170, 185),
    "window": (90, 210, 230),
}

NYUV2_13 = Modality(name="label13", kind="classes", names=tuple(_THIRTEEN), colours=tuple(_THIRTEEN.values()))
NYUV2_40 = Modality(name="label40", kind="classes", names=(*_FORTY, *(name for name, _, _ in _OTHERS)))

RAW_NAMES: dict[int, str] = {raw: name for name, (raw, _) in _FORTY.items()}


def forty_to_thirteen(label40: np.ndarray) -> np.ndarray:
    """Map classes 0..39 (-1 = ignore) to classes 0..12, int8; any shape."""
    return _TO_THIRTEEN[label40.astype(np.int64)]


def raw_to_forty(raw: np.ndarray) -> np.ndarray:
    """Map raw classes 1..894 (0 = unlabelled) to classes 0..39, -1 for unlabelled, int8; any shape."""
    return _TO_FORTY[raw.astype(np.int64)]


def _build_to_forty() -> np.ndarray:
    """Build the map (895) from raw classes to classes 0..39, -1 for 0 (unlabelled), int8."""
    table = np.full(RAW_CLASSES + 1, len(_FORTY) + 2, np.int8)
    table[0] = -1
    for index, (raw, _) in enumerate(_FORTY.values()):
        table[raw] = index
    for index, (_, numbers, _) in enumerate(_OTHERS):
        table[[int(number) for number in numbers.split()]] = len(_FORTY) + index
    return table


def _build_to_thirteen() -> np.ndarray:
    names = [thirteen for _, thirteen in _FORTY.values()] + [thirteen for _, _, thirteen in _OTHERS]
    # the last entry is what index -1 finds: ignored stays ignored
    return np.array([*(NYUV2_13.names.index(name) for name in names), -1], np.int8)


_TO_FORTY = _build_to_forty()
_TO_THIRTEEN = _build_to_thirteen()
