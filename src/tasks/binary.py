"""A yes or no per pixel: edges, saliency, masks."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional
from torchmetrics import Metric

from src.losses.binary import balanced_bce, weighted_bce
from src.metrics.binary import MULTI_TASK_BETA_SQUARE, MULTI_TASK_LEVELS, BinaryScores
from src.metrics.edges import PASCAL_DISTANCE, EdgeScores
from src.tasks.base import TASKS
from src.tasks.map_task import MapTask, Metrics, ModalityOption, Name

PositiveWeight = Annotated[
    float | Literal["balanced"],
    Field(description="weight of pixels that are 1 in the cross-entropy, 0 to 1, or balanced: the share of those that "
          "are 0"),
]  # fmt: skip
Beta = Annotated[float, Field(gt=0, description="beta^2 of max_f: 1 as in multi-task papers, 0.3 as in saliency's")]
Distance = Annotated[float, Field(gt=0, lt=1, description="tolerance of ods_f and ois_f, in diagonals of the image")]
OF_EDGES = ("ods_f", "ois_f")
OF_REGIONS = ("max_f", "max_miou", "iou")


@TASKS.register()
class Binary(MapTask):
    """Targets are float32 (N, 1, H, W), 0 or 1, -1 where unknown; predictions are probabilities.

    Args:
        modality: the map.
        name: of the task.
        positive_weight: of the cross-entropy.
        beta_square: of max_f, over the thresholds of Multi-Task-Learning-PyTorch.
        max_distance: of ods_f and ois_f.
        metrics: of max_f, max_miou and iou, and for edges ods_f and ois_f; the primary one first.

    Raises:
        UserError: see ``MapTask``.
    """

    kind = "binary"
    known_metrics: ClassVar[dict[str, bool]] = dict.fromkeys((*OF_REGIONS, *OF_EDGES), True)
    usual_metrics = OF_REGIONS
    of_delta_m = ("max_f", "ods_f")

    def __init__(
        self,
        modality: ModalityOption = None,
        name: Name = None,
        positive_weight: PositiveWeight = 0.5,
        beta_square: Beta = MULTI_TASK_BETA_SQUARE,
        max_distance: Distance = PASCAL_DISTANCE,
        metrics: Metrics = None,
    ) -> None:
        super().__init__(modality, name, metrics)
        self.positive_weight, self.beta_square, self.max_distance = positive_weight, beta_square, max_distance

    def activate(self, raw: Tensor) -> Tensor:
        """Turn logits into probabilities, in float32."""
        return raw.float().sigmoid()

    def loss(self, raw: Tensor, target: Tensor) -> Tensor:
        """Compute the weighted cross-entropy over the known pixels of the batch."""
        valid = self.labelled(target)
        if self.positive_weight == "balanced":
            return balanced_bce(raw, target, valid)
        return weighted_bce(raw, target, valid, float(self.positive_weight))

    def output_distillation_loss(self, raw: Tensor, teacher: Tensor, temperature: float) -> Tensor:
        """Compute KL(teacher || student) of softened probabilities times temperature^2, the mean over pixels."""
        ours, theirs = (x.float() / temperature for x in (raw, teacher))
        softened = theirs.sigmoid()
        cross = functional.binary_cross_entropy_with_logits(ours, softened)
        own = functional.binary_cross_entropy_with_logits(theirs, softened)
        return (cross - own) * temperature**2

    def metric_objects(self, chosen: Mapping[str, bool]) -> list[Metric]:
        """Build scores of regions, of edges, or both; those of edges take seconds an image."""
        found: list[Metric] = []
        if any(key in chosen for key in OF_REGIONS):
            found.append(BinaryScores(self.beta_square, MULTI_TASK_LEVELS))
        if any(key in chosen for key in OF_EDGES):
            found.append(EdgeScores(self.max_distance))
        return found

    def error(self, prediction: Tensor, target: Tensor) -> np.ndarray:
        """Map probabilities (1, H, W) and targets to their absolute difference."""
        error: np.ndarray = (
            torch.where(self.labelled(target), (prediction.float() - target).abs(), 0.0)[0].cpu().numpy()
        )
        return error
