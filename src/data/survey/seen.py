"""A handful of frames of each split, as a source reads them."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from src.data.sources.base import Source
from src.modalities.base import Modality
from src.modalities.storing import encode, is_valid

FRAMES = 8
"""Frames of each split that are looked at, spread evenly."""
PIXELS = 65_536
"""About how many pixels of a map are kept, a regular grid of them."""


@dataclass(frozen=True)
class Seen:
    """The maps of one modality, by split, with the values that the source gave."""

    modality: Modality
    maps: dict[str, list[np.ndarray]]

    def all_maps(self) -> Iterator[np.ndarray]:
        """Go through the maps of all splits."""
        for maps in self.maps.values():
            yield from maps

    def valid(self, split: str | None = None) -> np.ndarray:
        """Return the valid values of a split or of all: (n) or (n, channels), float64."""
        maps = list(self.all_maps()) if split is None else self.maps[split]
        return np.concatenate([value[is_valid(self.modality, value)] for value in maps]).astype(np.float64)

    def values(self) -> np.ndarray:
        """Return all values of all splits, flat, float64."""
        return np.concatenate([value.ravel() for value in self.all_maps()]).astype(np.float64)


def look(source: Source, size: tuple[int, int]) -> list[Seen]:
    """Read FRAMES frames of each split at ``size``; raises UserError where one has values that it cannot have."""
    maps: dict[str, dict[str, list[np.ndarray]]] = {}
    for split in source.splits:
        names = source.frames(split)
        for index in np.unique(np.linspace(0, len(names) - 1, min(FRAMES, len(names))).astype(int)).tolist():
            where = f"{split} frame {names[index]}"
            for name, value in source.read(split, index, size).items():
                encode(source.modalities[name], value, where, source.description)
                maps.setdefault(name, {}).setdefault(split, []).append(_thinned(value))
    return [Seen(source.modalities[name], found) for name, found in maps.items()]


def _thinned(value: np.ndarray) -> np.ndarray:
    step = max(1, round((value.shape[0] * value.shape[1] / PIXELS) ** 0.5))
    return value[::step, ::step].copy()
