"""Errors of depth."""

import torch
from torch import Tensor
from torchmetrics import Metric

CLOSE = 1.25


class DepthErrors(Metric):
    """``absolute_error``, ``relative_error``, ``rmse`` and ``delta_1`` over the set's valid pixels.

    Valid is a target > 0. absolute_error and rmse are in the unit of the target; delta_1 is the share with
    max(p / t, t / p) < 1.25 and p > 0 (Eigen et al. 2014). Nothing valid gives NaN.
    """

    is_differentiable = False
    full_state_update = False
    sums: Tensor

    def __init__(self) -> None:
        super().__init__()
        # one vector, so that ranks exchange one state: pixels, then the sum of each quantity over them
        self.add_state("sums", torch.zeros(5, dtype=torch.double), dist_reduce_fx="sum")

    def update(self, prediction: Tensor, target: Tensor) -> None:
        """Add predictions and targets (N, 1, H, W)."""
        valid = target > 0
        truth = torch.where(valid, target.double(), 1.0)
        guess = torch.where(valid, prediction.double(), truth)
        error = (guess - truth).abs()
        # without dividing, so that a prediction of 0 or less is never close
        close = (guess < CLOSE * truth) & (truth < CLOSE * guess) & valid
        parts = [valid.sum(), error.sum(), (error / truth).sum(), error.square().sum(), close.sum()]
        self.sums = self.sums + torch.stack([part.double() for part in parts])

    def compute(self) -> dict[str, Tensor]:
        """Return the four scores."""
        absolute, relative, square, close = self.sums[1:] / self.sums[0]
        return {
            "absolute_error": absolute,
            "relative_error": relative,
            "rmse": square.sqrt(),
            "delta_1": close,
        }
