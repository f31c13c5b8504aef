"""Intersection over union and pixel accuracy."""

import torch
from torch import Tensor

from src.metrics.sums import SplitMetric, add, count, read, widen


def count_pairs(logits: Tensor, target: Tensor) -> Tensor:
    """Count pixels per image by target and predicted class.

    By hand, because torchmetrics' confusion matrix builds a tensor of pixels x classes^2 under deterministic
    algorithms.

    Args:
        logits: (N, classes, H, W).
        target: int64 (N, H, W) in [0, classes), -1 where ignored.

    Returns:
        int64 (N, 1 + classes, classes): first the ignored pixels, then each target class, by predicted class.
    """
    images, classes = logits.shape[:2]
    image = torch.arange(images, device=target.device).view(-1, 1, 1)
    bins = (image * (classes + 1) + target + 1) * classes + logits.argmax(1)
    return count(bins, images * (classes + 1) * classes).view(images, classes + 1, classes)


class SegmentationScores(SplitMetric):
    """``miou`` and ``pixel_accuracy`` from one confusion matrix over the whole set.

    mIoU is the mean over classes of intersection / union; a class that is neither in a target nor predicted
    does not count (torchmetrics' MulticlassJaccardIndex, macro, ignore_index=-1). Nothing valid gives NaN.
    """

    confusion: Tensor

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.add_counts("confusion", classes, classes)

    def update(self, prediction: Tensor, target: Tensor) -> None:
        """Add logits (N, classes, H, W) with targets (N, H, W)."""
        self.confusion = self.confusion + count_pairs(prediction, target)[:, 1:].sum(0)

    def compute(self) -> dict[str, Tensor]:
        """Return both scores as shares in [0, 1]."""
        hits = self.confusion.diagonal()
        union = self.confusion.sum(0) + self.confusion.sum(1) - hits
        seen = union > 0
        iou = torch.where(seen, widen(hits) / union, 0.0)
        return {"miou": iou.sum() / seen.sum(), "pixel_accuracy": widen(hits.sum()) / self.confusion.sum()}


class PerImageIoU(SplitMetric):
    """``miou_per_image``: the older score, a mean over images of the image's mean IoU.

    As ``compute_miou`` of the code released with MTAN and with Li and Bilen 2020: in an image the classes count
    that are in its target or predicted anywhere in it, and what is predicted at ignored pixels enlarges the
    unions.
    """

    total: Tensor
    images: Tensor

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.add_sums("total")
        self.add_counts("images")

    def update(self, prediction: Tensor, target: Tensor) -> None:
        """Add logits (N, classes, H, W) with targets (N, H, W)."""
        pairs = count_pairs(prediction, target)
        hits = pairs[:, 1:].diagonal(dim1=1, dim2=2)
        union = pairs.sum(1) + pairs[:, 1:].sum(2) - hits
        seen = union > 0
        iou = torch.where(seen, widen(hits) / union, 0.0)
        self.total = add(self.total, (iou.sum(1) / seen.sum(1)).sum())
        self.images = self.images + len(target)

    def compute(self) -> dict[str, Tensor]:
        """Return the mean over images, a share in [0, 1]."""
        return {"miou_per_image": read(self.total) / self.images}
