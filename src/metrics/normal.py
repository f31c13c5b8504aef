"""Angles between surface normals."""

import torch
from torch import Tensor
from torch.nn import functional

from src.metrics.sums import SplitMetric, add, count, read, widen

THRESHOLDS = {"within_11": 11.25, "within_22": 22.5, "within_30": 30.0}
"""Degrees of each share."""
BINS = 18_000
"""Bins of the histogram over 0..180 degrees: 0.01 degrees each."""


def angles(first: Tensor, second: Tensor) -> Tensor:
    """Compute the angle in degrees (N, H, W) between vectors (N, 3, H, W) of any length.

    Twice the arc tangent of |a - b| / |a + b| for unit a and b (Kahan), which stays accurate near 0 and 180
    degrees where the arc cosine does not.
    """
    a, b = functional.normalize(first, dim=1), functional.normalize(second, dim=1)
    half = torch.atan2((a - b).norm(dim=1), (a + b).norm(dim=1))
    return torch.rad2deg(2 * half)


class NormalAngles(SplitMetric):
    """``mean_angle``, ``median_angle`` and ``within_11/22/30`` over the valid pixels of the whole set.

    Valid is a target that is not the zero vector. Angles are in degrees; the shares are those below 11.25,
    22.5 and 30 degrees; the median comes from a histogram and is within 0.005 degrees. Nothing valid gives NaN.
    """

    total: Tensor
    below: Tensor
    histogram: Tensor

    def __init__(self) -> None:
        super().__init__()
        # sum of angles; pixels below each threshold; pixels in each bin
        self.add_sums("total")
        self.add_counts("below", len(THRESHOLDS))
        self.add_counts("histogram", BINS)

    def update(self, prediction: Tensor, target: Tensor) -> None:
        """Add predictions and targets (N, 3, H, W)."""
        valid = (target != 0).any(1)
        angle = angles(widen(prediction), widen(target))
        self.total = add(self.total, torch.where(valid, angle, 0.0).sum())
        self.below = self.below + torch.stack([((angle < most) & valid).sum() for most in THRESHOLDS.values()])
        # one bin more takes the invalid pixels
        place = torch.where(valid, (angle * (BINS / 180)).long().clamp(0, BINS - 1), BINS)
        self.histogram = self.histogram + count(place, BINS + 1)[:BINS]

    def compute(self) -> dict[str, Tensor]:
        """Return the five scores."""
        valid = self.histogram.sum()
        return {
            "mean_angle": read(self.total) / valid,
            "median_angle": self._median(),
            **dict(zip(THRESHOLDS, widen(self.below) / valid, strict=True)),
        }

    def _median(self) -> Tensor:
        """Average the centres of the bins that hold the two middle pixels."""
        upto = self.histogram.cumsum(0)
        ranks = torch.stack([(upto[-1] - 1) // 2, upto[-1] // 2])
        centres = (widen(torch.searchsorted(upto, ranks, right=True)) + 0.5) * (180 / BINS)
        return torch.where(upto[-1] > 0, centres.mean(), torch.nan)
