"""Scores of single classes by their names."""

from collections.abc import Mapping

from torch import Tensor
from torchmetrics import MetricCollection

from src.metrics.classes import scores_by_class
from src.tasks.base import Task


def class_results(tasks: Mapping[str, Task], metrics: Mapping[str, MetricCollection]) -> dict[str, Tensor]:
    """Return a tensor (classes) by <task>/<score>, with iou, accuracy and share, for each task of classes.

    Every process of a distributed run must call it, before the metrics are reset.
    """
    return {
        f"{name}/{score}": values
        for name in tasks
        for score, values in scores_by_class(metrics[name]).items()
        if len(values) == len(tasks[name].modality.names)
    }


def by_name(tasks: Mapping[str, Task], results: Mapping[str, Tensor]) -> dict[str, float]:
    """Name the values of ``class_results`` <task>/<score>/<class>; NaN where a class has no pixels."""
    return {
        f"{key}/{name}": value
        for key, values in results.items()
        for name, value in zip(tasks[key.rpartition("/")[0]].modality.names, values.tolist(), strict=True)
    }
