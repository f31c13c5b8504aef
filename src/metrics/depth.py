"""Errors of depth."""

import torch
from torch import Tensor

from src.metrics.sums import SplitMetric, add, read, widen

CLOSE = 1.25


class DepthErrors(SplitMetric):
    """``absolute_error``, ``relative_error``, ``rmse`` and ``delta_1`` over the set's valid pixels.

    Valid is a target > 0. absolute_error and rmse are in the unit of the target; delta_1 is the share with
    max(p / t, t / p) < 1.25 and p > 0 (Eigen et al. 2014). Nothing valid gives NaN.
    """

    sums: Tensor
    pixels: Tensor

    def __init__(self) -> None:
        super().__init__()
        # absolute, relative and squared errors; valid and close pixels
        self.add_sums("sums", 3)
        self.add_counts("pixels", 2)

    def update(self, prediction: Tensor, target: Tensor) -> None:
        """Add predictions and targets (N, 1, H, W)."""
        valid = target > 0
        truth = torch.where(valid, widen(target), 1.0)
        guess = torch.where(valid, widen(prediction), truth)
        difference = guess - truth
        error = difference.abs()
        # p < 1.25 t and t < 1.25 p, without dividing, so that a prediction of 0 or less is never close, and from
        # the difference, which near these bounds is exact in float32 too
        close = (difference < (CLOSE - 1) * truth) & (-difference < (CLOSE - 1) * guess) & valid
        self.sums = add(self.sums, torch.stack([error.sum(), (error / truth).sum(), error.square().sum()]))
        self.pixels = self.pixels + torch.stack([valid.sum(), close.sum()])

    def compute(self) -> dict[str, Tensor]:
        """Return the four scores."""
        valid, close = widen(self.pixels)
        absolute, relative, square = read(self.sums) / valid
        return {
            "absolute_error": absolute,
            "relative_error": relative,
            "rmse": square.sqrt(),
            "delta_1": close / valid,
        }
