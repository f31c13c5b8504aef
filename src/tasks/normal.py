"""Surface normals."""

from typing import ClassVar

import numpy as np
import torch
from torch import Tensor
from torchmetrics import MetricCollection

from src.metrics.normal import NormalAngles, angles
from src.tasks.base import TASKS, Task

WORST = 60.0
"""Degrees at which an error map is brightest."""


def _unit(vectors: Tensor) -> Tensor:
    """Scale vectors (N, 3, H, W) to unit length, 0 staying 0; several times as fast as a vector norm over channels."""
    return vectors * vectors.square().sum(1, keepdim=True).clamp_min(1e-12).rsqrt()


@TASKS.register()
class Normal(Task):
    """A unit vector per pixel: x right, y up, z towards the camera.

    Targets are float32 (N, 3, H, W), 0 where invalid.
    """

    name = "normal"
    modality = "normal"
    channels = 3
    primary_metric = "mean_angle"
    higher_is_better: ClassVar[dict[str, bool]] = {
        "mean_angle": False,
        "median_angle": False,
        "within_11": True,
        "within_22": True,
        "within_30": True,
    }
    delta_m_metrics: ClassVar[tuple[str, ...]] = tuple(higher_is_better)

    def target(self, stored: Tensor) -> Tensor:
        """Turn float16 (N, H, W, 3) into float32 (N, 3, H, W) of unit length; not finite becomes invalid."""
        vectors = stored.movedim(-1, 1).float()
        finite = vectors.isfinite().all(1, keepdim=True)
        return _unit(torch.where(finite, vectors, 0.0))

    def activate(self, raw: Tensor) -> Tensor:
        """Scale each pixel's vector to unit length, in float32."""
        # the gradient at 0 is 1 / eps: finite, and small enough to survive
        return _unit(raw.float())

    def loss(self, raw: Tensor, target: Tensor) -> Tensor:
        """Compute 1 - mean dot product over the valid pixels (a target that is not 0) of the batch."""
        valid = (target != 0).any(1)
        distance = torch.where(valid, 1 - (self.activate(raw) * target).sum(1), 0.0)
        return distance.sum() / valid.sum().clamp(min=1)

    def output_distillation_loss(self, raw: Tensor, teacher: Tensor, temperature: float) -> Tensor:
        """Compute 1 - mean cosine between vectors and a teacher's."""
        return 1 - (self.activate(raw) * self.activate(teacher)).sum(1).mean()

    def metrics(self) -> MetricCollection:
        """Build mean and median angle and the shares within 11.25, 22.5 and 30 degrees of the whole set."""
        return MetricCollection([NormalAngles()])

    def hflip(self, target: Tensor) -> Tensor:
        """Flip (..., 3, H, W) along the width and turn x round."""
        x, rest = target.flip(-1).split((1, 2), dim=-3)
        return torch.cat([-x, rest], dim=-3)

    def rescale(self, target: Tensor, scale: Tensor) -> Tensor:
        """Bring resampled vectors back to unit length; the scale leaves their direction, as in MTAN's recipe.

        A scene whose depth is divided by s, seen by the same camera, would have normals along (x, y, s z):
        the recipe ignores this, and so do the published numbers.
        """
        return _unit(target)

    def to_numpy(self, prediction: Tensor) -> np.ndarray:
        """Return the vectors (3, H, W) as an array."""
        return prediction.float().cpu().numpy()

    def colorize(self, value: np.ndarray) -> np.ndarray:
        """Draw vectors (3, H, W) with x, y, z from -1..1 as red, green, blue; 0 black."""
        vectors = np.moveaxis(np.asarray(value, dtype=np.float32), 0, -1)
        valid = (vectors != 0).any(-1, keepdims=True)
        return np.where(valid, ((vectors + 1) * 127.5).round().clip(0, 255), 0).astype(np.uint8)

    def error(self, prediction: Tensor, target: Tensor) -> np.ndarray:
        """Map vectors (3, H, W) each to the angle between them, 60 degrees or more being 1."""
        angle = angles(prediction[None].float(), target[None])[0]
        error = torch.where((target != 0).any(0), angle / WORST, 0.0)
        return error.clamp(0, 1).cpu().numpy()
