"""What ``dataset.yaml`` may say of a folder of one's own."""

from dataclasses import asdict, dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Field

from src.foundation.validation import STRICT
from src.modalities.base import Kind, Resize, Zoom

FILE = "dataset.yaml"
Byte = Annotated[int, Field(ge=0, le=255)]
Rgb = tuple[Byte, Byte, Byte]
SMALLEST, LARGEST = 16, 8192
Side = Annotated[int, Field(ge=SMALLEST, le=LARGEST)]
Name = Annotated[str, Field(min_length=1)]


@dataclass(frozen=True, kw_only=True)
class MapDescription:
    """One map of the frames: its files, and what their values mean."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    path: Annotated[str, Field(description="its files, from {name}, {split} and *")]
    kind: Annotated[Kind, Field(description="what its values are")]
    mask: Annotated[str | None, Field(description="files that are 0 where it is invalid")] = None
    resize: Annotated[Resize | None, Field(description="how it is resized; null: as is usual for its kind")] = None
    classes: Annotated[
        list[Name] | dict[str, Name] | dict[str, Rgb] | None,
        Field(description="names in order, or by value, or with the colour of each"),
    ] = None
    colours: Annotated[list[Rgb] | None, Field(description="colours of the classes in pictures")] = None
    offset: Annotated[int | None, Field(description="value of the first class")] = None
    ignore: Annotated[
        int | list[int] | list[Rgb] | None, Field(description="values (or colours) of pixels that do not count")
    ] = None
    scale: Annotated[float | None, Field(gt=0, description="value per unit")] = None
    unit: Annotated[str | None, Field(description="unit of value / scale")] = None
    invalid: Annotated[float | list[float] | None, Field(description="values that mark invalid pixels")] = None
    low: Annotated[float | None, Field(description="least valid value, in the unit")] = None
    high: Annotated[float | None, Field(description="largest valid value, in the unit")] = None
    zoom: Annotated[Zoom | None, Field(description="what happens to it when its picture is enlarged")] = None
    dtype: Annotated[Literal["float16", "float32"] | None, Field(description="type in which it is stored")] = None
    mirrored: Annotated[tuple[int, ...] | None, Field(description="components that change sign in a mirror")] = None
    threshold: Annotated[float | None, Field(description="least value that is 1")] = None
    positive: Annotated[float | list[float] | None, Field(description="values that are 1")] = None


BY_KIND: dict[str, set[str]] = {
    "image": set(),
    "classes": {"mask", "resize", "classes", "colours", "offset", "ignore"},
    "scalar": {"mask", "resize", "scale", "unit", "invalid", "low", "high", "zoom", "dtype"},
    "vector": {"mask", "resize", "mirrored", "dtype"},
    "binary": {"mask", "resize", "threshold", "positive", "ignore"},
}
"""The keys that a map of a kind has beside ``path`` and ``kind``."""


@dataclass(frozen=True, kw_only=True)
class SplitsDescription:
    """Where the frames of each split are: folders, text files that list names, or shares that are drawn."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    train: Annotated[str | float, Field(description="a folder, a text file of names, or a share")]
    test: Annotated[str | float, Field(description="likewise")]
    val: Annotated[str | float | None, Field(description="likewise; may be left out")] = None
    seed: Annotated[int | None, Field(ge=0, description="by which shares are drawn")] = None

    @property
    def by_name(self) -> dict[str, str | float]:
        """Return the splits that there are, in the order train, val, test."""
        named = {"train": self.train, "val": self.val, "test": self.test}
        return {name: value for name, value in named.items() if value is not None}

    @property
    def form(self) -> Literal["folders", "lists", "shares", "mixed"]:
        """Say which of the three ways it is."""
        found: set[Literal["folders", "lists", "shares"]] = {_form(value) for value in self.by_name.values()}
        return found.pop() if len(found) == 1 else "mixed"


@dataclass(frozen=True, kw_only=True)
class Description:
    """All that ``dataset.yaml`` says."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", description="name of the data in reports")]
    size: Annotated[tuple[Side, Side] | None, Field(description="[height, width]; null: that of the images")] = None
    splits: SplitsDescription
    modalities: Annotated[dict[str, MapDescription], Field(description="the maps by name")]

    @property
    def content(self) -> dict[str, Any]:
        """Return what decides the values that are stored, but for their size."""
        return {"splits": asdict(self.splits), "modalities": {name: asdict(m) for name, m in self.modalities.items()}}


def listed(value: Any) -> list[Any]:
    """Return one value, several or none as a list."""
    return [] if value is None else list(value) if isinstance(value, list | tuple) else [value]


def _form(value: str | float) -> Literal["folders", "lists", "shares"]:
    if isinstance(value, str):
        return "lists" if value.lower().endswith(".txt") else "folders"
    return "shares"
