"""A handful of frames of each split, as a source reads them."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from src.data.sources.base import Source
from src.modalities.base import Modality
from src.modalities.storing import encode, is_valid

FRAMES = 8
"""Frames of each split that are looked at, spread evenly."""
AT_MOST = 64
"""Frames that are looked at where a map holds nothing, or one class, in the first: persons are in few pictures."""
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
    """Read FRAMES frames of each split at ``size``, and more, up to AT_MOST, while a map says nothing.

    Raises:
        UserError: a frame has values that it cannot have.
    """
    maps: dict[str, dict[str, list[np.ndarray]]] = {}
    for split in source.splits:
        names = source.frames(split)
        for place, index in enumerate(_spread(len(names))):
            seen = {name: found[split] for name, found in maps.items() if split in found}
            if place >= FRAMES and not any(_says_nothing(source.modalities[name], seen[name]) for name in seen):
                break
            where = f"{split} frame {names[index]}"
            for name, value in source.read(split, index, size).items():
                encode(source.modalities[name], value, where, source.description)
                maps.setdefault(name, {}).setdefault(split, []).append(_thinned(value))
    return [Seen(source.modalities[name], found) for name, found in maps.items()]


def _spread(count: int) -> list[int]:
    """Return indices of frames, the first FRAMES spread evenly over all ``count``, and so are all of them."""
    few, many = (np.unique(np.linspace(0, count - 1, min(most, count)).astype(int)) for most in (FRAMES, AT_MOST))
    return [*few.tolist(), *np.setdiff1d(many, few).tolist()]


def _says_nothing(modality: Modality, maps: list[np.ndarray]) -> bool:
    """Whether maps have no valid pixel or, where they have classes, a single one."""
    needed = 2 if modality.kind in ("classes", "binary") else 1
    found: set[float] = set()
    for value in maps:
        valid = value[is_valid(modality, value)]
        found |= set(np.unique(valid).tolist()) if needed > 1 else ({0.0} if valid.size else set())
        if len(found) >= needed:
            return False
    return True


def _thinned(value: np.ndarray) -> np.ndarray:
    step = max(1, round((value.shape[0] * value.shape[1] / PIXELS) ** 0.5))
    return value[::step, ::step].copy()
