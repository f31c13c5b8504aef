"""PASCAL's label sets: 21 classes of VOC 2012, and parts of persons from those of PASCAL-Part (Chen et al., CVPR 2014).

Parts are grouped into six, as in ASTMT (Maninis et al., CVPR 2019) and the papers after it.
"""

from src.modalities.base import Modality
from src.visual.palette import Colour


def voc_colours(count: int) -> tuple[Colour, ...]:
    """Return the colours of VOC's palette: the bits of a class, three by three, are the highest of red, green, blue."""
    return tuple((_level(index), _level(index >> 1), _level(index >> 2)) for index in range(count))


def _level(bits: int) -> int:
    """Return the value of a channel: every third bit, the lowest of them becoming the highest of eight."""
    return sum(((bits >> 3 * place) & 1) << (7 - place) for place in range(3))


VOC_NAMES = (
    "background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "dining table",
    "dog", "horse", "motorbike", "person", "potted plant", "sheep", "sofa", "train", "tv monitor",
)  # fmt: skip
VOC_21 = Modality(name="label21", kind="classes", names=VOC_NAMES, colours=voc_colours(len(VOC_NAMES)))
PERSON = VOC_NAMES.index("person")

_PARTS: dict[str, str] = {
    "head": "hair head lear rear leye reye lebrow rebrow nose mouth",
    "torso": "neck torso",
    "upper arm": "luarm ruarm",
    "lower arm": "llarm rlarm lhand rhand",
    "upper leg": "luleg ruleg",
    "lower leg": "llleg rlleg lfoot rfoot",
}
PART_NAMES = ("background", *_PARTS)
HUMAN_PARTS = Modality(name="human_parts", kind="classes", names=PART_NAMES, colours=voc_colours(len(PART_NAMES)))
PART_OF: dict[str, int] = {name: part for part, names in enumerate(_PARTS.values(), 1) for name in names.split()}
"""Name of a part in PASCAL-Part -> its class."""

FLOOR = 158
"""The floor in PASCAL-Context's 459 labels."""
_WITH_NORMALS = """
3-4 6 9-11 13 15 17-18 22-23 29-30 33-34 36-39 41 43 46 49-51 53 55-56 59 61-62 65-66 68-69 72-73 78 83-85 87-88 95-96
101 104-105 107 111 113 115 122 124 135 141-143 146 150 154 157-159 165 172 174 181 183-184 191 193 195 197 199 202 213
215-216 219-220 223 225 228 230 232-233 238-239 242-243 246 250-252 255 260-261 263 269 272-273 275 281 283-288 290-293
295 304 307 309-310 314-315 319 323 329-331 336 342 345 349-352 355 357 368 370-371 374 379-380 383-384 397 401 403 405
407-408 411-414 417 419 421 423 427 429-430 432 440-444 446 454 457
"""


def _numbers(spans: str) -> tuple[int, ...]:
    pairs = (span.partition("-") for span in spans.split())
    return tuple(number for first, _, last in pairs for number in range(int(first), int(last or first) + 1))


WITH_NORMALS = _numbers(_WITH_NORMALS)
"""The labels of PASCAL-Context's 459 whose names NYUv2's 894 classes have too, and tvmonitor: on them ASTMT trusts a
network that was trained on NYUv2; normals elsewhere are invalid."""
