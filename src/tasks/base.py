"""The interface of a dense prediction task."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Self

import numpy as np
from torch import Tensor
from torchmetrics import MetricCollection

from src.foundation.registry import Registry
from src.modalities.base import Modality
from src.visual.legends import Legend

TASKS = Registry("task", "src.tasks")
"""Classes of tasks."""


class Task(ABC):
    """One kind of dense map: its head's channels, loss, metrics, geometry and picture.

    Targets and predictions are batched, N first. Nothing here waits for the device, so that losses can be
    queued ahead, and a task holds no tensors, so that it works on any device.
    """

    name: str
    """The task's key in batches, configs and metrics."""
    modality: Modality
    """The map of the packed store that holds the labels."""
    channels: int
    """Outputs of the head."""
    primary_metric: str
    """The metric that stands for the task in short tables and in Delta_MTL."""
    higher_is_better: dict[str, bool]
    """Direction of every metric."""
    delta_m_metrics: tuple[str, ...]
    """Metrics that enter Delta_m, the mean over many metrics of the Nash-MTL and FAMO papers."""
    invalid: float = 0
    """Value of a target, in all its channels, where there is no label (it may be NaN): the loss must ignore it, and
    ``hflip`` and ``rescale`` keep it."""

    @abstractmethod
    def target(self, stored: Tensor) -> Tensor:
        """Turn a batch from the packed store, on the device, into training targets."""

    @abstractmethod
    def activate(self, raw: Tensor) -> Tensor:
        """Turn a head's output (N, channels, H, W) into a prediction of the same shape."""

    @abstractmethod
    def loss(self, raw: Tensor, target: Tensor) -> Tensor:
        """Compute the float32 loss over valid pixels of the batch; 0 where there is none."""

    def output_distillation_loss(self, raw: Tensor, teacher: Tensor, temperature: float) -> Tensor:
        """Compute how far a head's outputs (N, channels, H, W) are from a teacher's, over all pixels.

        By default it is the mean absolute difference of predictions; ``temperature`` softens classes.
        """
        return (self.activate(raw.float()) - self.activate(teacher.float())).abs().mean()

    @abstractmethod
    def metrics(self) -> MetricCollection:
        """Build fresh metrics: updated with (prediction, target), they compute the keys of ``higher_is_better``."""

    @abstractmethod
    def hflip(self, target: Tensor) -> Tensor:
        """Return the targets of horizontally flipped images."""

    @abstractmethod
    def rescale(self, target: Tensor, scale: Tensor) -> Tensor:
        """Correct values resampled from images enlarged by ``scale`` (N)."""

    @abstractmethod
    def to_numpy(self, prediction: Tensor) -> np.ndarray:
        """Turn one prediction (channels, H, W) into the array that ``colorize`` draws."""

    @abstractmethod
    def colorize(self, value: np.ndarray) -> np.ndarray:
        """Draw one map as uint8 (H, W, 3), invalid pixels black."""

    def drawn_like(self, maps: Sequence[np.ndarray]) -> Self:
        """Return the task as it draws several ``maps``, the truth first, so that they compare; by default itself."""
        return self

    def legend(self, maps: Sequence[np.ndarray]) -> Legend | None:
        """Explain the colours in which ``colorize`` draws ``maps``; by default it does not."""
        return None

    @abstractmethod
    def error(self, prediction: Tensor, target: Tensor) -> np.ndarray:
        """Map one prediction (channels, H, W) and its target to errors (H, W) in [0, 1], 0 where invalid."""
