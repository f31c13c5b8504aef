"""Gaussian noise of pictures."""

from collections.abc import Mapping
from typing import Annotated

import torch
from pydantic import Field

from src.data.transforms.base import TRANSFORMS, Batch, Transform
from src.data.transforms.ranges import draw, read_range
from src.tasks.base import Task

Deviation = Annotated[float, Field(ge=0, le=1)]
Deviations = Annotated[
    tuple[Deviation, Deviation],
    Field(description="least and largest standard deviation of the noise, white being 1"),
]


@TRANSFORMS.register()
class Noise(Transform):
    """Adds Gaussian noise to each channel of each pixel; targets stay as they are.

    Args:
        std: bounds of the standard deviation, which each image draws uniformly.

    Raises:
        UserError: bounds in the wrong order.
    """

    def __init__(self, std: Deviations = (0.0, 0.05)) -> None:
        self.std = read_range("std", std)

    def __call__(self, batch: Batch, tasks: Mapping[str, Task]) -> Batch:
        """Transform image (N, 3, H, W)."""
        image = batch["image"]
        std = draw(self.std, len(image), image.device).view(-1, 1, 1, 1)
        return batch | {"image": torch.randn_like(image).mul_(std).add_(image).clamp_(0, 1)}
