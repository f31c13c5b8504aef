"""One number per pixel: depth, inverse depth, height, temperature."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Annotated, ClassVar, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor
from torchmetrics import Metric

from src.losses.scalars import huber, l1, l2, log_l1, scale_invariant
from src.metrics.scalars import ScalarErrors
from src.tasks.base import TASKS
from src.tasks.map_task import MapTask, Metrics, ModalityOption, Name

Loss = Annotated[
    Literal["l1", "l2", "huber", "log_l1", "scale_invariant"], Field(description="what is minimised over valid pixels")
]
Delta = Annotated[float, Field(gt=0, description="of loss=huber: where the square becomes linear, in the map's unit")]
Share = Annotated[float, Field(ge=0, le=1, description="of loss=scale_invariant: how little a common factor counts")]
LossFunction = Callable[[Tensor, Tensor, Tensor], Tensor]
ERROR_SHARE = 0.1
"""Share of the drawn range at which an error map is brightest."""


@TASKS.register()
class Scalar(MapTask):
    """Targets are float32 (N, 1, H, W) in the unit of the modality, its mark (0 or NaN) where invalid.

    Args:
        modality: the map.
        name: of the task.
        loss: l1, l2, huber, log_l1 or scale_invariant.
        huber_delta: of loss=huber.
        scale_share: lambda of loss=scale_invariant.
        metrics: of those of ``ScalarErrors``, the primary one first.
    """

    kind = "scalar"
    known_metrics: ClassVar[dict[str, bool]] = {
        "absolute_error": False,
        "relative_error": False,
        "rmse": False,
        "delta_1": True,
        "delta_2": True,
        "delta_3": True,
        "log_rmse": False,
        "scale_invariant_log": False,
    }
    usual_metrics = ("absolute_error", "rmse")
    of_delta_m = ("absolute_error", "relative_error")

    def __init__(
        self,
        modality: ModalityOption = None,
        name: Name = None,
        loss: Loss = "l1",
        huber_delta: Delta = 1.0,
        scale_share: Share = 0.5,
        metrics: Metrics = None,
    ) -> None:
        super().__init__(modality, name, metrics)
        functions: dict[str, LossFunction] = {
            "l1": l1,
            "l2": l2,
            "huber": partial(huber, delta=huber_delta),
            "log_l1": log_l1,
            "scale_invariant": partial(scale_invariant, share=scale_share),
        }
        self._loss = functions[loss]

    def loss(self, raw: Tensor, target: Tensor) -> Tensor:
        """Compute the chosen loss over the valid pixels of the batch."""
        return self._loss(raw, target, self.labelled(target))

    def metric_objects(self, chosen: Mapping[str, bool]) -> list[Metric]:
        """Build the errors of the whole set."""
        return [ScalarErrors()]

    def error(self, prediction: Tensor, target: Tensor) -> np.ndarray:
        """Map (1, H, W) each to absolute errors, brightest at a tenth of the drawn range (1 m of depth), or, where the
        modality has no drawn range, to relative errors, brightest at 1."""
        valid = self.labelled(target)
        shown = self.modality.shown
        most = ERROR_SHARE * abs(shown[1] - shown[0]) if shown else torch.where(valid, target.abs(), 1.0)
        error = torch.where(valid, (prediction.float() - target).abs() / most, 0.0)
        array: np.ndarray = error.nan_to_num(0.0, posinf=1.0).clamp(0, 1)[0].cpu().numpy()
        return array
