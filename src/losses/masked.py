"""Sums and means over valid pixels."""

import torch
from torch import Tensor


def keep(values: Tensor, valid: Tensor, instead: float = 0.0) -> Tensor:
    """Return values, at least in float32, with a constant where they are not valid: no NaN and no gradient is left.

    Args:
        values: of any shape.
        valid: bool, of a shape that broadcasts to that of values.
        instead: the constant.
    """
    wide = values if values.dtype == torch.float64 else values.float()
    return torch.where(valid, wide, instead)


def mean(values: Tensor, valid: Tensor) -> Tensor:
    """Average values over the valid pixels of the batch, 0 if there is none; both have the same shape."""
    return torch.where(valid, values, 0.0).sum() / valid.sum().clamp(min=1)


def mean_by_image(values: Tensor, valid: Tensor) -> Tensor:
    """Average values (N, ...) over each image's valid pixels: (N), 0 where an image has none."""
    total = torch.where(valid, values, 0.0).flatten(1).sum(1)
    return total / valid.flatten(1).sum(1).clamp(min=1)
