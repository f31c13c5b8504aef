"""Intersection over union and pixel accuracy."""

import torch
from torch import Tensor
from torchmetrics import Metric


def count_pairs(logits: Tensor, target: Tensor) -> Tensor:
    """Count pixels per image by target and predicted class.

    ``torch.bincount`` by hand, because torchmetrics' confusion matrix builds a tensor of pixels x classes^2
    where deterministic algorithms are asked for.

    Args:
        logits: (N, classes, H, W).
        target: int64 (N, H, W) in [0, classes), -1 where ignored.

    Returns:
        int64 (N, 1 + classes, classes): first the ignored pixels, then each target class, by predicted class.
    """
    images, classes = logits.shape[:2]
    image = torch.arange(images, device=target.device).view(-1, 1, 1)
    bins = (image * (classes + 1) + target + 1) * classes + logits.argmax(1)
    counts = torch.bincount(bins.flatten(), minlength=images * (classes + 1) * classes)
    return counts.view(images, classes + 1, classes)


class SegmentationScores(Metric):
    """``miou`` and ``pixel_accuracy`` from one confusion matrix over the whole set.

    mIoU is the mean over classes of intersection / union; a class that is neither in a target nor predicted
    does not count (torchmetrics' MulticlassJaccardIndex, macro, ignore_index=-1). Nothing valid gives NaN.
    """

    is_differentiable = False
    full_state_update = False
    confusion: Tensor

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.add_state("confusion", torch.zeros(classes, classes, dtype=torch.long), dist_reduce_fx="sum")

    def update(self, prediction: Tensor, target: Tensor) -> None:
        """Add logits (N, classes, H, W) with targets (N, H, W)."""
        self.confusion = self.confusion + count_pairs(prediction, target)[:, 1:].sum(0)

    def compute(self) -> dict[str, Tensor]:
        """Return both scores as shares in [0, 1]."""
        hits = self.confusion.diagonal().double()
        union = self.confusion.sum(0) + self.confusion.sum(1) - hits
        seen = union > 0
        iou = torch.where(seen, hits / union, 0.0)
        return {"miou": iou.sum() / seen.sum(), "pixel_accuracy": hits.sum() / self.confusion.sum()}


class PerImageIoU(Metric):
    """``miou_per_image``: the older score, a mean over images of the image's mean IoU.

    As ``compute_miou`` of the code released with MTAN and with Li and Bilen 2020: in an image the classes count
    that are in its target or predicted anywhere in it, and what is predicted at ignored pixels enlarges the
    unions.
    """

    is_differentiable = False
    full_state_update = False
    total: Tensor
    images: Tensor

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.add_state("total", torch.zeros((), dtype=torch.double), dist_reduce_fx="sum")
        self.add_state("images", torch.zeros((), dtype=torch.long), dist_reduce_fx="sum")

    def update(self, prediction: Tensor, target: Tensor) -> None:
        """Add logits (N, classes, H, W) with targets (N, H, W)."""
        pairs = count_pairs(prediction, target)
        hits = pairs[:, 1:].diagonal(dim1=1, dim2=2).double()
        union = pairs.sum(1) + pairs[:, 1:].sum(2) - hits
        seen = union > 0
        iou = torch.where(seen, hits / union, 0.0)
        self.total = self.total + (iou.sum(1) / seen.sum(1)).sum()
        self.images = self.images + len(target)

    def compute(self) -> dict[str, Tensor]:
        """Return the mean over images, a share in [0, 1]."""
        return {"miou_per_image": self.total / self.images}
