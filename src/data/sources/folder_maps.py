"""From a file of a folder of one's own to the values of its map."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from src.data.files.maps import read_array, read_colours, read_plane
from src.data.files.pictures import read_palette
from src.data.sources.folder_classes import ClassCoding, class_coding
from src.data.sources.folder_description import FILE, MapDescription, listed
from src.foundation.errors import UserError
from src.modalities.base import Modality
from src.modalities.known import IMAGE
from src.visual.palette import Colour

UNKNOWN = -1
NEITHER = 0.3, 1.4
"""Lengths of (value / 127.5 - 1) between which a picture's colour is a direction: middle grey and black are none."""


def modality_of(name: str, described: MapDescription, components: int, palette: tuple[Colour, ...] = ()) -> Modality:
    """Return what a described map is; raises ValueError for what contradicts itself.

    Args:
        name: the map's name.
        described: its description.
        components: of vectors.
        palette: of its pictures, where they have one.
    """
    if described.kind == "image":
        return IMAGE
    if described.kind == "classes":
        coding = class_coding(described)
        colours = coding.with_palette(palette)
        return Modality(name=name, kind="classes", names=coding.names, colours=colours, resize=described.resize)
    if described.kind == "scalar":
        return Modality(
            name=name, kind="scalar", unit=described.unit or "", low=described.low, high=described.high,
            resize=described.resize, zoom=described.zoom or "unchanged", dtype=described.dtype or "float32",
        )  # fmt: skip
    if described.kind == "vector":
        mirrored = (0,) if described.mirrored is None else described.mirrored
        return Modality(
            name=name, kind="vector", channels=components, mirrored=mirrored, resize=described.resize,
            dtype=described.dtype or "",
        )  # fmt: skip
    return Modality(name=name, kind="binary", resize=described.resize)


def components_of(described: MapDescription, file: Path) -> int:
    """Return the components of the vectors in a file; 3 for pictures and maps of other kinds."""
    if described.kind != "vector" or file.suffix.lower() != ".npy":
        return 3
    return read_array(file, 3).shape[-1]


def palette_of(described: MapDescription, file: Path) -> tuple[Colour, ...]:
    """Return the palette of a picture of classes; empty where it has none."""
    return read_palette(file) if described.kind == "classes" and file.suffix.lower() != ".npy" else ()


@dataclass(frozen=True)
class MapReader:
    """Reads the files of one map."""

    modality: Modality
    described: MapDescription

    @cached_property
    def coding(self) -> ClassCoding:
        """Return the coding of a map of classes."""
        return class_coding(self.described)

    def read(self, file: Path, mask: Path | None = None) -> np.ndarray:
        """Read a map at its own size, as ``src.modalities.storing.encode`` takes it, invalid where ``mask`` is 0.

        Raises:
            UserError: the file cannot be read, or does not hold what its description says.
        """
        readers = {
            "image": read_colours,
            "classes": self._classes,
            "scalar": self._scalar,
            "vector": _vector,
            "binary": self._binary,
        }
        value = readers[self.modality.kind](file)
        if mask is None:
            return value
        valid = read_plane(mask) != 0
        if valid.shape != value.shape[:2]:
            raise UserError(
                f"{mask} is {_size(valid)}, {file} is {_size(value)}", "a mask has the size of its map", "replace it"
            )
        value[~valid] = {"scalar": np.nan, "vector": 0}.get(self.modality.kind, UNKNOWN)
        return value

    def _classes(self, file: Path) -> np.ndarray:
        coding = self.coding
        try:
            return coding.decode(read_colours(file) if coding.by_colour else read_plane(file))
        except ValueError as error:
            why = f"{FILE} says of {self.modality.name}: {len(coding.names)} classes, {_range(list(coding.classes))}"
            lossy = file.suffix.lower() in (".jpg", ".jpeg")
            raise UserError(
                f"{file} holds {error}",
                why if not coding.by_colour else f"{FILE} names {len(coding.classes)} colours for {self.modality.name}",
                "write label maps as PNG: JPEG changes values"
                if lossy
                else f"name its class under classes of {self.modality.name}, or set ignore",
            ) from error

    def _scalar(self, file: Path) -> np.ndarray:
        stored = read_plane(file, indices=False)
        value = stored.astype(np.float64) / (self.described.scale or 1)
        for mark in listed(self.described.invalid):
            value[stored == mark] = np.nan
        return value

    def _binary(self, file: Path) -> np.ndarray:
        stored = read_plane(file)
        ignored = np.isin(stored, listed(self.described.ignore))
        if stored.dtype.kind == "f":
            ignored |= np.isnan(stored)
        if self.described.threshold is not None:
            ones = stored >= self.described.threshold
        elif self.described.positive is not None:
            ones = np.isin(stored, listed(self.described.positive))
        else:
            ones = _either(file, stored, ignored)
        return np.where(ignored, UNKNOWN, ones).astype(np.int16)


def _vector(file: Path) -> np.ndarray:
    if file.suffix.lower() == ".npy":
        return read_array(file, 3).astype(np.float32)
    value = read_colours(file).astype(np.float32) / 127.5 - 1
    length = np.linalg.norm(value, axis=-1, keepdims=True)
    return np.where((length > NEITHER[0]) & (length < NEITHER[1]), value, 0)


def _either(file: Path, stored: np.ndarray, ignored: np.ndarray) -> np.ndarray:
    """Return where a map of 0 and 1, or of 0 and 255, is not 0."""
    found = np.unique(stored[~ignored])
    if set(found.tolist()) - {0, 1} and set(found.tolist()) - {0, 255}:
        told = ", ".join(f"{value:g}" for value in found[:5]) + (", ..." if found.size > 5 else "")
        raise UserError(
            f"{file} holds {told}",
            "without more, a binary map holds 0 and 1, or 0 and 255",
            "say which values are 1: threshold: 128, or positive: [1, 2]; and which do not count: ignore: 255",
        )
    return np.asarray(stored != 0)


def _range(values: list[int]) -> str:
    ordered = sorted(values)
    if ordered == list(range(ordered[0], ordered[-1] + 1)):
        return f"values {ordered[0]}..{ordered[-1]}"
    return f"values {', '.join(map(str, ordered[:12]))}{', ...' if len(ordered) > 12 else ''}"


def _size(value: np.ndarray) -> str:
    return f"{value.shape[0]}x{value.shape[1]}"
