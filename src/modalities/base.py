"""What a map is, in one object that the store's manifest, tasks and pictures share."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Field

from src.foundation.errors import UserError
from src.foundation.validation import STRICT, validated
from src.visual.palette import Colour, spread_colours

Kind = Literal["image", "classes", "scalar", "vector", "binary"]
Resize = Literal["area", "nearest", "nearest_valid", "any"]
Zoom = Literal["unchanged", "divided", "multiplied"]

TYPES: dict[str, tuple[str, ...]] = {
    "image": ("uint8",),
    "classes": ("int8", "int16"),
    "scalar": ("float16", "float32"),
    "vector": ("float16", "float32"),
    "binary": ("uint8",),
}
"""The types in which maps of a kind are stored; the first is the usual one."""
RESIZE: dict[str, Resize] = {
    "image": "area",
    "classes": "nearest",
    "scalar": "nearest_valid",
    "vector": "nearest",
    "binary": "nearest",
}
"""How maps of a kind are resized unless the modality says otherwise."""
IGNORE = -1
"""The class of pixels without one, in stores and targets."""
UNKNOWN = 255
"""A stored binary map's value where it is neither 0 nor 1."""
MOST_CLASSES = 32_000
WORD = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
"""Names of maps, which become names of files, tasks and options."""


@dataclass(frozen=True, kw_only=True)
class Modality:
    """One kind of map of a dataset, such as depth in metres or a set of labels.

    Stored arrays, targets and predictions by kind:

    - image: uint8 (H, W, 3).
    - classes: int8 or int16 (H, W), 0..n-1, -1 where ignored.
    - scalar: float (H, W), ``invalid`` (NaN where that is null) where invalid.
    - vector: float (H, W, channels) of unit length, 0 in all channels where invalid.
    - binary: uint8 (H, W), 0 or 1, 255 where unknown.

    Raises:
        ValueError: values that contradict each other.
    """

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    name: Annotated[str, Field(min_length=1, description="name of the map")]
    kind: Annotated[Kind, Field(description="what its values are")]
    channels: Annotated[int, Field(ge=1, description="components of a vector")] = 1
    dtype: Annotated[str, Field(description="type of the stored array; empty: the kind's usual one")] = ""
    unit: Annotated[str, Field(description="unit of the values")] = ""
    low: Annotated[float | None, Field(description="least valid value of a scalar")] = None
    high: Annotated[float | None, Field(description="largest valid value of a scalar")] = None
    invalid: Annotated[float | None, Field(description="scalar value that marks invalid pixels; null: NaN")] = None
    resize: Annotated[Resize | None, Field(description="how it is resized; null: as is usual for its kind")] = None
    mirrored: Annotated[tuple[int, ...], Field(description="components that change sign in a mirror")] = ()
    zoom: Annotated[Zoom, Field(description="what a scalar is by the factor by which its picture is enlarged")] = (
        "unchanged"
    )
    names: Annotated[tuple[str, ...], Field(description="names of classes")] = ()
    colours: Annotated[tuple[Colour, ...], Field(description="colours of classes, 0..255; empty: spread hues")] = ()
    weights: Annotated[tuple[float, ...], Field(description="median-frequency weights of classes, measured")] = ()
    shown: Annotated[
        tuple[float, float] | None, Field(description="scalars that are drawn brightest and darkest; null: the map's")
    ] = None

    def __post_init__(self) -> None:
        """Fill in what follows from the kind and refuse contradictions."""
        usual = "int16" if self.kind == "classes" and len(self.names) > 127 else TYPES[self.kind][0]
        object.__setattr__(self, "dtype", self.dtype or usual)
        object.__setattr__(self, "resize", self.resize or RESIZE[self.kind])
        if self.kind == "classes" and not self.colours:
            object.__setattr__(self, "colours", spread_colours(len(self.names)))
        for problem in self._problems():
            raise ValueError(f"modality {self.name}: {problem}")

    @property
    def outputs(self) -> int:
        """Channels of a head that predicts it."""
        return {"classes": len(self.names), "vector": self.channels, "image": 3}.get(self.kind, 1)

    def row_shape(self, size: tuple[int, int]) -> tuple[int, ...]:
        """Return the shape of one stored map of ``size`` (H, W)."""
        return (*size, self.outputs) if self.kind in ("image", "vector") else size

    def plain(self) -> dict[str, Any]:
        """Return it as plain values, of which ``from_plain`` makes it again."""
        return asdict(self)

    def _problems(self) -> list[str]:
        classes = len(self.names)
        of_classes = self.kind == "classes"
        beyond = [component for component in self.mirrored if component not in range(self.channels)]
        checks = {
            "its name is no word of letters, digits, _ and -": not WORD.fullmatch(self.name),
            f"a {self.kind} map is not stored as {self.dtype}": self.dtype not in TYPES[self.kind],
            "it names no classes": of_classes and not classes,
            f"{classes} classes are more than {MOST_CLASSES}": classes > MOST_CLASSES,
            f"{classes} classes do not fit into int8": classes > 127 and self.dtype == "int8",
            f"{classes} class names but {len(self.colours)} colours": of_classes and classes != len(self.colours),
            "two classes have one name": len(set(self.names)) < classes,
            f"only classes have names, a {self.kind} has none": bool(self.names) and not of_classes,
            f"its components {beyond} do not exist": bool(beyond),
            f"low={self.low} is not below high={self.high}": (
                self.low is not None and self.high is not None and self.low >= self.high
            ),
        }
        return [words for words, wrong in checks.items() if wrong]


def from_plain(values: Mapping[str, Any], where: str = "modality") -> Modality:
    """Read a modality from plain values; raises UserError for what is none."""
    modality, mistakes = validated(Modality, dict(values), where)
    if modality is None:
        raise mistakes[0] if mistakes else UserError(f"{where} is no modality")
    return modality
