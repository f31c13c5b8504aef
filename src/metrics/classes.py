"""Intersection over union and accuracy of many classes, in memory that grows with their number only."""

import torch
from torch import Tensor
from torchmetrics import MetricCollection

from src.metrics.sums import SplitMetric, count, widen


class ClassScores(SplitMetric):
    """``miou``, ``pixel_accuracy`` and ``mean_accuracy`` over the whole set, and both by class.

    The first two are those of ``SegmentationScores``, from each class's hits, target pixels and predicted pixels
    instead of its confusion matrix, which at 32,000 classes takes 8 GB. The IoU of a class is
    hits / (target + predicted - hits), its accuracy hits / target (Long et al. 2015); the means are over the classes
    with a union, or a target. Nothing valid gives NaN.

    Args:
        classes: number of classes.
    """

    hits: Tensor
    targets: Tensor
    predictions: Tensor

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.classes = classes
        self.add_counts("hits", classes)
        self.add_counts("targets", classes)
        self.add_counts("predictions", classes)

    def update(self, prediction: Tensor, target: Tensor) -> None:
        """Add logits (N, classes, H, W) with targets (N, H, W), int64 in [0, classes), -1 where ignored."""
        chosen = prediction.argmax(1)
        valid = target >= 0
        self.hits = self.hits + self._count(target, valid & (chosen == target))
        self.targets = self.targets + self._count(target, valid)
        self.predictions = self.predictions + self._count(chosen, valid)

    def compute(self) -> dict[str, Tensor]:
        """Return the three scores as shares in [0, 1]."""
        return {
            "miou": self.class_iou().nanmean(),
            "pixel_accuracy": widen(self.hits.sum()) / self.targets.sum(),
            "mean_accuracy": self.class_accuracy().nanmean(),
        }

    def class_iou(self) -> Tensor:
        """Return each class's IoU (classes), NaN where it is neither in a target nor predicted."""
        return widen(self.hits) / (self.targets + self.predictions - self.hits)

    def class_accuracy(self) -> Tensor:
        """Return each class's share of target pixels that are found (classes), NaN where it is in no target."""
        return widen(self.hits) / self.targets

    def by_class(self) -> dict[str, Tensor]:
        """Return ``iou``, ``accuracy`` and ``share`` of target pixels (classes) of what this process has seen."""
        share = widen(self.targets) / self.targets.sum()
        return {"iou": self.class_iou(), "accuracy": self.class_accuracy(), "share": share}

    def _count(self, classes: Tensor, chosen: Tensor) -> Tensor:
        """Count the chosen pixels of each class; one bin more takes the others."""
        return count(torch.where(chosen, classes, self.classes), self.classes + 1)[: self.classes]


def scores_by_class(metrics: MetricCollection) -> dict[str, Tensor]:
    """Return what ``ClassScores.by_class`` does, over all processes, which must all call it; empty without such scores.

    Args:
        metrics: a task's metrics, before they are reset.
    """
    for metric in metrics.values():
        if isinstance(metric, ClassScores):
            with metric.sync_context(dist_sync_fn=metric.dist_sync_fn):
                return metric.by_class()
    return {}
