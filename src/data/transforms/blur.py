"""Gaussian blur of pictures."""

import math
from collections.abc import Mapping
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from src.data.transforms.base import TRANSFORMS, Batch, Transform
from src.data.transforms.ranges import draw, read_range
from src.tasks.base import Task

Sigma = Annotated[float, Field(ge=0, le=20)]
Sigmas = Annotated[
    tuple[Sigma, Sigma], Field(description="least and largest standard deviation of the Gaussian, in pixels")
]
Share = Annotated[float, Field(ge=0, le=1, description="probability that an image is blurred")]
TRUNCATED = 3
"""Standard deviations beyond which a Gaussian is taken for 0."""


@TRANSFORMS.register()
class Blur(Transform):
    """Blurs pictures by a Gaussian of a width of each image's own; targets stay as they are.

    torchvision's gaussian_blur takes one width for the whole batch. Here the two one-dimensional convolutions are
    those of a depthwise layer with one group for each image and channel, at borders of repeated pixels.

    Args:
        sigma: bounds of the standard deviation, which each image draws uniformly.
        share: probability that an image is blurred at all.

    Raises:
        UserError: bounds in the wrong order.
    """

    def __init__(self, sigma: Sigmas = (0.1, 2.0), share: Share = 0.5) -> None:
        self.sigma, self.share = read_range("sigma", sigma), share
        self.radius = math.ceil(TRUNCATED * self.sigma[1])

    def __call__(self, batch: Batch, tasks: Mapping[str, Task]) -> Batch:
        """Transform image (N, 3, H, W)."""
        image = batch["image"]
        kernel = self._draw_kernels(len(image), image.device).repeat_interleave(image.shape[1], 0)[:, None]
        maps = image.reshape(1, -1, *image.shape[2:])
        padded = functional.pad(maps, [self.radius] * 4, mode="replicate")
        rows = functional.conv2d(padded, kernel[:, :, None], groups=len(kernel))
        blurred = functional.conv2d(rows, kernel[..., None], groups=len(kernel))
        return batch | {"image": blurred.view(image.shape).clamp_(0, 1)}

    def _draw_kernels(self, count: int, device: torch.device) -> Tensor:
        """Draw one-dimensional kernels (N, 2 radius + 1) that sum to 1, a single 1 where an image stays as it is."""
        sigma = draw(self.sigma, count, device)
        sigma = torch.where(torch.rand(count, device=device) < self.share, sigma, 0.0)
        places = torch.arange(-self.radius, self.radius + 1, device=device)
        return (-0.5 * (places / sigma.clamp_min(1e-3)[:, None]).square()).softmax(1)
