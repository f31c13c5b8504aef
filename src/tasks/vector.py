"""A direction per pixel: surface normals, flow directions."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor
from torchmetrics import Metric

from src.losses.vectors import angle_l1, cosine, unit_l1
from src.metrics.normal import NormalAngles, angles
from src.modalities.targets import unit
from src.tasks.base import TASKS
from src.tasks.map_task import MapTask, Metrics, ModalityOption, Name

Loss = Annotated[Literal["cosine", "angle_l1", "unit_l1"], Field(description="what is minimised over valid pixels")]
LOSSES = {"cosine": cosine, "angle_l1": angle_l1, "unit_l1": unit_l1}
WORST = 60.0
"""Degrees at which an error map is brightest."""


@TASKS.register()
class Vector(MapTask):
    """Targets are float32 (N, channels, H, W) of unit length, 0 where invalid; predictions have unit length.

    Args:
        modality: the map.
        name: of the task.
        loss: cosine (1 - mean dot product), angle_l1 or unit_l1.
        metrics: of those of ``NormalAngles``, the primary one first.
    """

    kind = "vector"
    known_metrics: ClassVar[dict[str, bool]] = {
        "mean_angle": False,
        "median_angle": False,
        "within_11": True,
        "within_22": True,
        "within_30": True,
    }
    usual_metrics = tuple(known_metrics)
    of_delta_m = tuple(known_metrics)

    def __init__(
        self, modality: ModalityOption = None, name: Name = None, loss: Loss = "cosine", metrics: Metrics = None
    ) -> None:
        super().__init__(modality, name, metrics)
        self._loss = LOSSES[loss]

    def activate(self, raw: Tensor) -> Tensor:
        """Scale each pixel's vector to unit length, in float32."""
        return unit(raw.float())

    def loss(self, raw: Tensor, target: Tensor) -> Tensor:
        """Compute the chosen loss over the valid pixels of the batch."""
        return self._loss(raw, target, self.labelled(target))

    def output_distillation_loss(self, raw: Tensor, teacher: Tensor, temperature: float) -> Tensor:
        """Compute 1 - mean cosine between vectors and a teacher's."""
        return 1 - (self.activate(raw) * self.activate(teacher)).sum(1).mean()

    def metric_objects(self, chosen: Mapping[str, bool]) -> list[Metric]:
        """Build angles of the whole set."""
        return [NormalAngles()]

    def error(self, prediction: Tensor, target: Tensor) -> np.ndarray:
        """Map vectors (C, H, W) each to the angle between them, 60 degrees or more being 1."""
        angle = angles(prediction[None].float(), target[None])[0]
        error: np.ndarray = torch.where(self.labelled(target[None])[0], angle / WORST, 0.0).clamp(0, 1).cpu().numpy()
        return error
