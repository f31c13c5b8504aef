"""Ranges from which each image draws a value of its own."""

import torch
from torch import Tensor

from src.foundation.errors import UserError

Range = tuple[float, float]


def read_range(name: str, bounds: Range) -> Range:
    """Return the bounds of the option ``name``; raises UserError where the lower one is above the upper."""
    low, high = bounds
    if low > high:
        raise UserError(
            f"{name}=[{low},{high}] is no range", "its lower bound is above its upper one", f"{name}=[{high},{low}]"
        )
    return low, high


def draw(bounds: Range, count: int, device: torch.device) -> Tensor:
    """Draw ``count`` values uniformly, from torch's global generator on the device."""
    return torch.empty(count, device=device).uniform_(*bounds)
