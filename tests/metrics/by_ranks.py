"""A metric in batches, and on two processes merged by hand."""

import torch
from torch import Tensor
from torchmetrics import Metric


def measure(metric: Metric, maps: tuple[Tensor, ...], batch: int) -> dict[str, float]:
    for part in zip(*(values.split(batch) for values in maps), strict=True):
        metric.update(*part)
    return {key: float(value) for key, value in metric.compute().items()}


def measure_on_two_ranks(one: Metric, other: Metric, maps: tuple[Tensor, ...], first: int) -> dict[str, float]:
    """Give the first images to one rank, the others to the other, and reduce their states as torchmetrics does."""
    measure(one, tuple(values[:first] for values in maps), 1)
    measure(other, tuple(values[first:] for values in maps), 2)
    for state, reduce in one._reductions.items():
        assert callable(reduce)
        setattr(one, state, reduce(torch.stack([getattr(one, state), getattr(other, state)])))
    one._computed = None
    return {key: float(value) for key, value in one.compute().items()}
