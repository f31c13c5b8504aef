"""What a store's arrays hold: ranges, shares of valid pixels and of classes."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from src.losses.classes import median_frequency_weights
from src.modalities.base import Modality
from src.modalities.drawing import PERCENTILES
from src.modalities.storing import is_valid

ROWS = 16
"""Maps that are looked at together: memory stays the same however many there are."""
SAMPLED = 1_000_000
"""Values of which percentiles are taken."""


@dataclass(frozen=True)
class MapStatistics:
    """What the maps of one modality hold in one split.

    ``valid`` is the share of valid pixels; ``low``, ``median`` and ``high`` are of valid values (for vectors of their
    components), None where there is none; ``classes`` are each class's share of the valid pixels.
    """

    valid: float
    low: float | None
    median: float | None
    high: float | None
    classes: tuple[float, ...] = ()

    @property
    def missing(self) -> list[int]:
        """List the classes without a pixel."""
        return [index for index, share in enumerate(self.classes) if share == 0]


def measure(array: np.ndarray, modality: Modality) -> MapStatistics:
    """Measure stored maps (N, H, W, ...), in constant memory; the median is that of at most SAMPLED values."""
    valid, low, high = 0, np.inf, -np.inf
    counts = np.zeros(len(modality.names), np.int64)
    for maps in _chunks(array):
        mask = np.stack([is_valid(modality, each) for each in maps])
        values = maps[mask]
        valid += int(mask.sum())
        if values.size:
            low, high = min(low, float(values.min())), max(high, float(values.max()))
        if modality.kind == "classes":
            counts += np.bincount(values, minlength=len(counts))
    pixels = int(np.prod(array.shape[:3]))
    if not valid:
        return MapStatistics(0.0, None, None, None, tuple(np.zeros(len(counts)).tolist()))
    median = float(np.median(sample(array, modality)))
    return MapStatistics(valid / pixels, low, median, high, tuple((counts / valid).tolist()))


def sample(array: np.ndarray, modality: Modality) -> np.ndarray:
    """Return at most about SAMPLED valid values of stored maps, spread evenly over them, as float64."""
    per_map = int(np.prod(array.shape[1:]))
    rows = np.unique(np.linspace(0, len(array) - 1, max(1, min(len(array), 50 * SAMPLED // per_map))).astype(int))
    step = max(1, per_map * len(rows) // SAMPLED)
    pixels = [array[row][is_valid(modality, array[row])] for row in rows]
    # whole pixels, since a step over components could meet the same one always
    taken = [value[::step] if len(value) > step else value for value in pixels]
    return np.concatenate([value.ravel() for value in taken]).astype(np.float64)


def with_measured(modality: Modality, array: np.ndarray) -> Modality:
    """Return a modality with what is measured on its training maps: weights of classes, values that are drawn."""
    if modality.kind == "classes":
        return replace(modality, weights=tuple(_class_weights(array, len(modality.names)).tolist()))
    values = sample(array, modality) if modality.kind == "scalar" else np.zeros(0)
    if modality.shown is not None or modality.zoom != "unchanged" or not values.size:
        return modality
    bright, dark = (float(f"{value:.3g}") for value in np.percentile(values, PERCENTILES))
    return replace(modality, shown=(bright, dark)) if bright != dark else modality


def open_array(root: Path, file: str) -> np.ndarray:
    """Map an array of a store, read only."""
    return np.asarray(np.load(root / file, mmap_mode="r"))


def _class_weights(array: np.ndarray, classes: int) -> np.ndarray:
    pixels, of_images = np.zeros(classes, np.int64), np.zeros(classes, np.int64)
    for maps in _chunks(array):
        for each in maps:
            counts = np.bincount(each[each >= 0], minlength=classes)
            pixels += counts
            of_images += np.where(counts > 0, counts.sum(), 0)
    return median_frequency_weights(torch.from_numpy(pixels), torch.from_numpy(of_images)).numpy()


def _chunks(array: np.ndarray) -> Iterator[np.ndarray]:
    for start in range(0, len(array), ROWS):
        yield np.asarray(array[start : start + ROWS])
