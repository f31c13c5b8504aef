"""Depth, or inverse depth."""

from typing import Annotated, ClassVar

import numpy as np
import torch
from pydantic import Field
from torch import Tensor
from torchmetrics import MetricCollection

from src.metrics.depth import DepthErrors
from src.tasks.base import TASKS, Task
from src.visual.colormaps import near_to_far

PER_METRE = {"m": 1.0, "cm": 100.0, "mm": 1000.0}
"""Units of length; a map in any other unit (such as disparity) is inverse depth."""
FAR = 10.0
"""Metres at which pictures of depth are darkest."""


@TASKS.register()
class Depth(Task):
    """One value per pixel; targets are float32 (N, 1, H, W) in ``unit``, 0 where invalid.

    Args:
        unit: m, cm or mm for depth; anything else names a unit of inverse depth.
    """

    name = "depth"
    modality = "depth"
    channels = 1
    primary_metric = "absolute_error"
    higher_is_better: ClassVar[dict[str, bool]] = {
        "absolute_error": False,
        "relative_error": False,
        "rmse": False,
        "delta_1": True,
    }
    delta_m_metrics: ClassVar[tuple[str, ...]] = ("absolute_error", "relative_error")

    def __init__(
        self, unit: Annotated[str, Field(description="m, cm or mm; any other names a unit of inverse depth")] = "m"
    ) -> None:
        self.unit = unit
        self.inverse = unit not in PER_METRE

    def target(self, stored: Tensor) -> Tensor:
        """Widen float16 (N, H, W) to float32 (N, 1, H, W); values that are not finite become invalid."""
        return torch.nan_to_num(stored[:, None].float(), nan=0.0, posinf=0.0, neginf=0.0)

    def activate(self, raw: Tensor) -> Tensor:
        """Return the head's output, which is depth itself."""
        return raw

    def loss(self, raw: Tensor, target: Tensor) -> Tensor:
        """Compute the mean absolute error over the valid pixels (depth > 0) of the batch."""
        valid = target > 0
        error = torch.where(valid, (raw.float() - target).abs(), 0.0)
        return error.sum() / valid.sum().clamp(min=1)

    def metrics(self) -> MetricCollection:
        """Build absolute and relative error, RMSE and delta < 1.25 of the whole set."""
        return MetricCollection([DepthErrors()])

    def hflip(self, target: Tensor) -> Tensor:
        """Flip along the width."""
        return target.flip(-1)

    def rescale(self, target: Tensor, scale: Tensor) -> Tensor:
        """Divide depth by the scale: what appears s times larger to the same camera is s times nearer.

        Inverse depth is multiplied by it, for the same reason.
        """
        factor = scale.view(-1, 1, 1, 1).to(target.dtype)
        return target * factor if self.inverse else target / factor

    def to_numpy(self, prediction: Tensor) -> np.ndarray:
        """Return the map (H, W) of a prediction or target (1, H, W)."""
        return prediction[0].float().cpu().numpy()

    def colorize(self, value: np.ndarray) -> np.ndarray:
        """Draw depth (H, W), near bright, far dark, not positive or not finite black.

        Depth is drawn from 0 to 10 m, so that pictures compare; inverse depth, whose range its unit leaves open,
        up to the map's own 99th percentile.
        """
        maps = value.reshape(value.shape[-2:]).astype(np.float64)
        valid = np.isfinite(maps) & (maps > 0)
        maps = np.where(valid, maps, 0.0)
        if self.inverse:
            top = np.percentile(maps[valid], 99) if valid.any() else 1.0
            distance = 1 - maps / top
        else:
            distance = maps / (FAR * PER_METRE[self.unit])
        return near_to_far(distance, valid)

    def error(self, prediction: Tensor, target: Tensor) -> np.ndarray:
        """Map (1, H, W) each to absolute errors clipped at 1 m, or to relative errors of inverse depth clipped at 1."""
        valid = target > 0
        most = torch.where(valid, target, 1.0) if self.inverse else PER_METRE[self.unit]
        error = torch.where(valid, (prediction.float() - target).abs() / most, 0.0)
        return error.clamp(0, 1)[0].cpu().numpy()
