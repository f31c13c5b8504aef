"""Counts and sums over a whole split, as precise as float64 on devices with and without it."""

import torch
from torch import Tensor
from torchmetrics import Metric

PARTS = 3
"""float32 numbers that add up to one sum: their 3 x 24 bits hold more than the 53 of a float64."""


def widest(device: torch.device) -> torch.dtype:
    """Return the most precise float type that a device has: float64, which only Apple's MPS lacks."""
    return torch.float32 if device.type == "mps" else torch.float64


def widen(values: Tensor) -> Tensor:
    """Convert to the most precise float type of the values' device."""
    return values.to(widest(values.device))


def count(places: Tensor, bins: int) -> Tensor:
    """Count how often each of 0..bins-1 is in int64 ``places`` of any shape: int64 (bins).

    Unlike ``torch.bincount`` it does not wait for the device.
    """
    flat = places.flatten()
    return flat.new_zeros(bins).scatter_add_(0, flat, flat.new_ones(()).expand_as(flat))


def add(sums: Tensor, values: Tensor) -> Tensor:
    """Add values (...), of any float type, to float32 sums (3, ...), which start at 0."""
    return _add_parts(sums, _parts(values))


def merge(sums: Tensor) -> Tensor:
    """Add up the sums (processes, 3, ...) of all processes: (3, ...)."""
    merged = sums[0]
    for more in sums[1:]:
        merged = _add_parts(merged, more)
    return merged


def read(sums: Tensor) -> Tensor:
    """Return sums (3, ...) as numbers (...) in the most precise float type of their device."""
    # the smaller parts of a sum that is not finite are NaN
    return torch.where(sums[0].isfinite(), widen(sums).sum(0), widen(sums[0]))


class SplitMetric(Metric):
    """A metric over a split: neither its states nor its results keep it from a device without float64."""

    is_differentiable = False
    full_state_update = False

    def __init__(self) -> None:
        # a cached result moves with the states, and most devices compute it in float64
        super().__init__(compute_with_cache=False)

    def add_counts(self, name: str, *shape: int) -> None:
        """Add the state ``name``, int64 (*shape) that starts at 0."""
        self.add_state(name, torch.zeros(shape, dtype=torch.int64), dist_reduce_fx="sum")

    def add_sums(self, name: str, *shape: int) -> None:
        """Add the state ``name``, sums (3, *shape) for ``add`` and ``read``."""
        self.add_state(name, torch.zeros(PARTS, *shape, dtype=torch.float32), dist_reduce_fx=merge)


def _parts(values: Tensor) -> Tensor:
    """Write values (...) as float32 parts (3, ...) that add up to them, the largest first."""
    parts = []
    for _ in range(PARTS):
        parts.append(values.float())
        values = values - parts[-1]
    return torch.stack(parts)


def _add_parts(sums: Tensor, more: Tensor) -> Tensor:
    """Add parts to parts (3, ...) in float32: the rounding error of one is added to the next smaller."""
    for _ in range(PARTS):
        total = sums + more
        # Knuth's TwoSum: the exact rounding error, unless a compiler reorders it
        kept = total - sums
        error = (sums - (total - kept)) + (more - kept)
        sums, more = total, torch.cat([torch.zeros_like(error[:1]), error[:-1]])
    return sums
