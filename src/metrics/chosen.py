"""The metrics of a task that were chosen, out of those that its metric objects compute."""

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor
from torchmetrics import Metric, MetricCollection


class ChosenMetrics(MetricCollection):
    """Computes the metrics ``keys``, in that order.

    Args:
        metrics: objects that compute them, and perhaps others.
        keys: the names of metrics.
        labelled: returns where a target is labelled, for the metrics that take such a mask.
    """

    def __init__(self, metrics: Sequence[Metric], keys: Sequence[str], labelled: Callable[[Tensor], Tensor]) -> None:
        super().__init__(list(metrics))
        self.keys_chosen, self.labelled = tuple(keys), labelled

    def update(self, prediction: Tensor, target: Tensor) -> None:  # type: ignore[override]
        """Add predictions and targets, N first."""
        super().update(prediction, target, valid=self.labelled(target))

    def compute(self) -> dict[str, Any]:
        """Return the chosen metrics by name."""
        computed = super().compute()
        return {key: computed[key] for key in self.keys_chosen}
