"""Errors of maps of one number per pixel: depth, height, temperature."""

import torch
from torch import Tensor

from src.metrics.sums import SplitMetric, add, read, widen

CLOSE = (1.25, 1.25**2, 1.25**3)
SMALLEST = 1e-3
"""What predictions are raised to before the logarithm, in the unit of the target (1 mm for depth in m)."""


class ScalarErrors(SplitMetric):
    """Errors over the set's valid pixels; relative and logarithmic ones over those with a positive target.

    Over all valid pixels, of any sign: absolute_error = mean |p - t| and rmse = sqrt(mean (p - t)^2), in the unit of
    the target. Over those with t > 0 (Eigen et al. 2014, arXiv 1406.2283): relative_error = mean |p - t| / t;
    delta_k, k = 1, 2, 3: the share with max(p / t, t / p) < 1.25^k and p > 0; log_rmse = sqrt(mean d^2) with
    d = ln max(p, smallest) - ln t; scale_invariant_log: the mean over images with such a pixel of
    sqrt(mean d^2 - (mean d)^2), an image's means (SILog of the KITTI benchmark, which multiplies by 100).

    Nothing valid, or nothing positive, gives NaN. 0 is a value like any other.

    Args:
        smallest: what predictions are raised to before the logarithm, > 0.
    """

    sums: Tensor
    ratios: Tensor
    pixels: Tensor
    close: Tensor
    images: Tensor

    def __init__(self, smallest: float = SMALLEST) -> None:
        super().__init__()
        self.smallest = smallest
        # absolute and squared errors; relative and squared logarithmic errors, roots of images' variances;
        # valid and positive pixels; close pixels; images with a positive pixel
        self.add_sums("sums", 2)
        self.add_sums("ratios", 3)
        self.add_counts("pixels", 2)
        self.add_counts("close", len(CLOSE))
        self.add_counts("images")

    def update(self, prediction: Tensor, target: Tensor, valid: Tensor | None = None) -> None:
        """Add predictions, targets and which pixels are valid, (N, 1, H, W) each.

        Where no mask is given, a target that is NaN or infinite is invalid.
        """
        valid = target.isfinite() if valid is None else valid.bool()
        positive = valid & (target > 0)
        truth = torch.where(valid, widen(target), 1.0)
        difference = torch.where(valid, widen(prediction), truth) - truth
        error = difference.abs()
        self.sums = add(self.sums, torch.stack([error.sum(), error.square().sum()]))
        self.pixels = self.pixels + torch.stack([valid.sum(), positive.sum()])
        self._add_ratios(torch.where(positive, truth, 1.0), torch.where(positive, difference, 0.0), positive)

    def compute(self) -> dict[str, Tensor]:
        """Return the eight errors."""
        valid, positive = widen(self.pixels)
        absolute, square = read(self.sums) / valid
        relative, log_square, spread = read(self.ratios)
        shares = widen(self.close) / positive
        return {
            "absolute_error": absolute,
            "relative_error": relative / positive,
            "rmse": square.sqrt(),
            **{f"delta_{power}": share for power, share in enumerate(shares, start=1)},
            "log_rmse": (log_square / positive).sqrt(),
            "scale_invariant_log": spread / self.images,
        }

    def _add_ratios(self, truth: Tensor, difference: Tensor, positive: Tensor) -> None:
        """Add what is relative to a positive truth; elsewhere truth is 1 and the difference 0."""
        guess = truth + difference
        # p < c t and t < c p, without dividing, so that a prediction of 0 or less is never close, and from the
        # difference, which near these bounds is exact in float32 too
        close = [(difference < (c - 1) * truth) & (-difference < (c - 1) * guess) & positive for c in CLOSE]
        logs = torch.where(positive, guess.clamp(min=self.smallest).log() - truth.log(), 0.0)
        pixels = positive.flatten(1).sum(1)
        centre = logs.flatten(1).sum(1) / pixels.clamp(min=1)
        off_centre = torch.where(positive.flatten(1), logs.flatten(1) - centre.unsqueeze(1), 0.0)
        spread = (off_centre.square().sum(1) / pixels.clamp(min=1)).sqrt()
        relative = difference.abs() / truth
        self.ratios = add(self.ratios, torch.stack([relative.sum(), logs.square().sum(), spread.sum()]))
        self.close = self.close + torch.stack([near.sum() for near in close])
        self.images = self.images + (pixels > 0).sum()
