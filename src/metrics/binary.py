"""F-measure and intersection over union of binary maps, saliency above all."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from src.metrics.sums import SplitMetric, add, count, read, widen

ALL_LEVELS = tuple((np.arange(255) / 255).tolist())
"""Every threshold that tells two levels of an 8-bit map apart, as in the saliency literature."""
MULTI_TASK_LEVELS = tuple(np.linspace(0.2, 0.9, 15).tolist())
"""The thresholds of Multi-Task-Learning-PyTorch and of the papers that use its evaluation."""
SALIENCY_BETA_SQUARE = 0.3
"""What precision weighs against recall in the saliency literature (Achanta et al. 2009)."""
MULTI_TASK_BETA_SQUARE = 1.0


class BinaryScores(SplitMetric):
    """``max_f`` and ``max_miou`` over thresholds, means over images, and ``iou`` of the set at 0.5.

    A pixel is predicted where its probability is above the threshold. max_f is the largest
    F = (1 + beta^2) P R / (beta^2 P + R) over the thresholds, P and R being means over the images of an image's
    precision and recall (0 where it predicts nothing, or nothing is true). So do Achanta et al. 2009 and
    Multi-Task-Learning-PyTorch, the latter with beta^2 = 1 and ``MULTI_TASK_LEVELS``; this is neither the mean of the
    images' F nor the F of the set's pixels. max_miou is the largest over thresholds of the mean over images of
    intersection / union, 1 where both are empty: those papers' mIoU of saliency. iou is from the pixels of the whole
    set, at 0.5.

    Images without a valid pixel do not count. Nothing valid gives NaN, and so does an iou of an empty union.

    Args:
        beta_square: beta^2.
        thresholds: increasing, in [0, 1).
    """

    levels: Tensor
    means: Tensor
    images: Tensor
    overlap: Tensor

    def __init__(self, beta_square: float = SALIENCY_BETA_SQUARE, thresholds: Sequence[float] = ALL_LEVELS) -> None:
        super().__init__()
        self.beta_square = beta_square
        self.register_buffer("levels", torch.tensor(thresholds, dtype=torch.float32), persistent=False)
        # sums over images of precision, recall and IoU at each threshold; images; pixels in both maps and in either
        self.add_sums("means", 3, len(thresholds))
        self.add_counts("images")
        self.add_counts("overlap", 2)

    def update(self, prediction: Tensor, target: Tensor, valid: Tensor | None = None) -> None:
        """Add probabilities, 0 or 1, and which pixels are valid, (N, 1, H, W) each.

        Where no mask is given, a negative or NaN target is invalid.
        """
        valid = target >= 0 if valid is None else valid.bool()
        prediction, true = prediction.float(), target > 0.5
        hits, misses = self._above(prediction, true & valid), self._above(prediction, ~true & valid)
        seen = valid.flatten(1).any(1)
        trues = (true & valid).flatten(1).sum(1, keepdim=True)
        union = trues + misses
        # a count of 0 above it makes the share 0 wherever the count below it is 0
        precision, recall = (widen(hits) / whole.clamp(min=1) for whole in (hits + misses, trues))
        iou = torch.where(union > 0, widen(hits) / union.clamp(min=1), 1.0)
        shares = torch.stack([precision, recall, iou], dim=1)
        self.means = add(self.means, torch.where(seen.view(-1, 1, 1), shares, 0.0).sum(0))
        self.images = self.images + seen.sum()
        chosen = prediction > 0.5
        overlap = [(chosen & true & valid).sum(), ((chosen | true) & valid).sum()]
        self.overlap = self.overlap + torch.stack(overlap)

    def compute(self) -> dict[str, Tensor]:
        """Return the three scores as shares in [0, 1]."""
        precision, recall, iou = read(self.means) / self.images
        below = self.beta_square * precision + recall
        f = torch.where(below == 0, 0.0, (1 + self.beta_square) * precision * recall / below)
        both, either = widen(self.overlap)
        return {"max_f": f.max(), "max_miou": iou.max(), "iou": both / either}

    def _above(self, prediction: Tensor, chosen: Tensor) -> Tensor:
        """Count each image's chosen pixels above each threshold: int64 (N, thresholds)."""
        images, bins = len(prediction), len(self.levels) + 2
        # the number of thresholds below a pixel, and one bin more for what is not chosen
        passed = torch.where(chosen, torch.bucketize(prediction, self.levels), bins - 1)
        image = torch.arange(images, device=prediction.device).view(-1, 1)
        histogram = count(image * bins + passed.flatten(1), images * bins).view(images, bins)
        return histogram[:, 1:-1].flip(1).cumsum(1).flip(1)
