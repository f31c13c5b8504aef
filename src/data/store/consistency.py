"""Whether a manifest agrees with itself: told by its words and numbers alone, without reading an array."""

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from src.data.store.manifest import ArrayFile, Manifest, Split
from src.modalities.base import IGNORE, Modality

MOST_FRAMES = 2**40


def contradictions(manifest: Manifest) -> Iterator[str]:
    """Name what in a manifest cannot be, in words for people."""
    if not manifest.splits:
        yield "it has no splits"
    height, width = manifest.size
    if not (0 < height < 2**20 and 0 < width < 2**20):
        yield f"its size is {height}x{width}"
    images = [name for name, modality in manifest.modalities.items() if modality.kind == "image"]
    for name, split in manifest.splits.items():
        if not images or not any(image in split.arrays for image in images):
            yield f"its split {name} has no images"
        yield from (f"its split {name} {problem}" for problem in _of_split(split, manifest))
    for name, measured in manifest.statistics.items():
        for modality, values in measured.items():
            known = manifest.modalities.get(modality)
            if known is not None and known.kind == "classes":
                yield from (f"{modality} of {name} {problem}" for problem in _of_classes(known, values))


def _of_split(split: Split, manifest: Manifest) -> Iterator[str]:
    if not _is_count(split.count) or not 0 < split.count < MOST_FRAMES:
        yield f"has {split.count!r:.40} frames"
    elif len(split.frames) != split.count or not all(isinstance(name, str) for name in split.frames):
        yield f"has {split.count} frames but names {len(split.frames)}"
    else:
        for name, file in split.arrays.items():
            modality = manifest.modalities.get(name)
            if modality is None:
                yield f"has {name}, of which is not said what it is"
            else:
                yield from (f"has {name} {problem}" for problem in _of_file(file, modality, split.count, manifest.size))


def _of_file(file: ArrayFile, modality: Modality, count: int, size: tuple[int, int]) -> Iterator[str]:
    if not isinstance(file.file, str) or not file.file:
        yield f"in the file {file.file!r:.40}"
    elif PurePosixPath(file.file).is_absolute() or ".." in PurePosixPath(file.file).parts:
        yield f"in the file {file.file}, outside the store"
    if not all(map(_is_count, (file.bytes, file.crc32, *file.shape))):
        yield "with a size or shape that is no number"
        return
    wanted = (count, *modality.row_shape(size))
    if file.shape != wanted:
        yield f"of shape {file.shape}; {count} frames of {modality.kind} at this size are {wanted}"
    if file.dtype != modality.dtype:
        yield f"of type {file.dtype!r:.40}, said to be {modality.dtype}"
    elif file.shape == wanted and file.bytes < int(np.prod(wanted)) * np.dtype(file.dtype).itemsize:
        yield f"in {file.bytes} bytes, fewer than its shape needs"


def _of_classes(modality: Modality, measured: Any) -> Iterator[str]:
    last = len(modality.names) - 1
    low, high = measured.low, measured.high
    if low is not None and high is not None and (low <= IGNORE or high > last):
        yield f"has the classes {low:g} to {high:g}, of which 0 to {last} have names"
    if measured.classes and len(measured.classes) != last + 1:
        yield f"has shares of {len(measured.classes)} classes, of {last + 1}"


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
