"""A class per pixel: semantic segmentation, human parts, materials."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Annotated, ClassVar, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional
from torchmetrics import Metric

from src.foundation.errors import UserError
from src.losses.classes import cross_entropy
from src.metrics.classes import ClassScores
from src.metrics.semantic import PerImageIoU
from src.tasks.base import TASKS
from src.tasks.map_task import MapTask, Metrics, ModalityOption, Name

Weights = Annotated[
    Literal["median_frequency"] | Sequence[Annotated[float, Field(ge=0)]] | None,
    Field(description="weight of each class in the loss: median_frequency, as measured on train, or a list; null: 1"),
]
Smoothing = Annotated[float, Field(ge=0, le=1, description="share of each target that is spread over all classes")]
TOO_MANY = 2_000
"""Classes above which the IoU of single images, whose confusion matrices it needs, is not computed."""


@TASKS.register()
class Classes(MapTask):
    """Targets are int64 (N, H, W) in [0, classes), -1 where ignored; predictions are logits.

    Args:
        modality: the labels.
        name: of the task.
        class_weights: of the cross-entropy.
        label_smoothing: of the cross-entropy.
        metrics: of miou, pixel_accuracy, mean_accuracy and miou_per_image, the primary one first.

    Raises:
        UserError: see ``MapTask``; also weights that are not one for each class, or not measured.
    """

    kind = "classes"
    known_metrics: ClassVar[dict[str, bool]] = {
        "miou": True,
        "pixel_accuracy": True,
        "mean_accuracy": True,
        "miou_per_image": True,
    }
    usual_metrics = ("miou", "pixel_accuracy", "mean_accuracy")
    of_delta_m = ("miou", "pixel_accuracy")

    def __init__(
        self,
        modality: ModalityOption = None,
        name: Name = None,
        class_weights: Weights = None,
        label_smoothing: Smoothing = 0.0,
        metrics: Metrics = None,
    ) -> None:
        super().__init__(modality, name, metrics)
        self.names = list(self.modality.names)
        self.label_smoothing = label_smoothing
        self.class_weights = self._weights(class_weights)
        if "miou_per_image" in self.higher_is_better and self.channels > TOO_MANY:
            raise UserError(
                f"miou_per_image of {self.name} needs a confusion matrix of {self.channels} classes for each image",
                f"it is computed for at most {TOO_MANY}",
                f"tasks.{self.name}.metrics=[{','.join(m for m in self.higher_is_better if m != 'miou_per_image')}]",
            )

    def loss(self, raw: Tensor, target: Tensor) -> Tensor:
        """Compute the mean cross-entropy over the pixels of the batch that are not ignored."""
        weights = None if self.class_weights is None else _on_device(self.class_weights, raw.device)
        return cross_entropy(raw, target, self.labelled(target), weights, self.label_smoothing)

    def output_distillation_loss(self, raw: Tensor, teacher: Tensor, temperature: float) -> Tensor:
        """Compute KL(teacher || student) of softened classes times temperature^2, pixels' mean (Hinton et al. 2015)."""
        ours, theirs = (functional.log_softmax(x.float() / temperature, dim=1) for x in (raw, teacher))
        return functional.kl_div(ours, theirs, reduction="none", log_target=True).sum(1).mean() * temperature**2

    def metric_objects(self, chosen: Mapping[str, bool]) -> list[Metric]:
        """Build scores of the whole set, and the older mean IoU per image."""
        per_image = [PerImageIoU(self.channels)] if "miou_per_image" in chosen else []
        return [ClassScores(self.channels), *per_image]

    def to_numpy(self, prediction: Tensor) -> np.ndarray:
        """Return the most likely class (H, W) of logits (classes, H, W)."""
        classes: np.ndarray = prediction.argmax(0).cpu().numpy()
        return classes

    def error(self, prediction: Tensor, target: Tensor) -> np.ndarray:
        """Mark wrong classes with 1, given logits (classes, H, W) and classes (H, W)."""
        wrong: np.ndarray = ((prediction.argmax(0) != target) & self.labelled(target)).float().cpu().numpy()
        return wrong

    def _weights(self, chosen: str | Sequence[float] | None) -> tuple[float, ...] | None:
        if chosen is None:
            return None
        weights = self.modality.weights if chosen == "median_frequency" else tuple(map(float, chosen))
        if not weights:
            raise UserError(
                f"class_weights=median_frequency of {self.name}: frequencies of {self.modality.name} are not known",
                "they are measured when a dataset is packed",
                "python -m src.prepare dataset=... overwrite=true, once",
            )
        if len(weights) != self.channels:
            raise UserError(
                f"class_weights of {self.name} are {len(weights)}",
                f"{self.modality.name} has {self.channels} classes",
            )
        return weights


@cache
def _on_device(weights: tuple[float, ...], device: torch.device) -> Tensor:
    """Copy weights to a device once: each copy waits for it."""
    return torch.tensor(weights, device=device)
