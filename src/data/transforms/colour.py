"""Brightness, contrast, saturation and hue of pictures."""

import math
from collections.abc import Mapping
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from src.data.transforms.base import TRANSFORMS, Batch, Transform
from src.tasks.base import Task

Brightness = Annotated[float, Field(ge=0, le=1, description="factors of the values are within 1 +- this")]
Contrast = Annotated[float, Field(ge=0, le=1, description="factors of distances to the mean grey are within 1 +- this")]
Saturation = Annotated[float, Field(ge=0, le=1, description="factors of distances to each grey are within 1 +- this")]
Hue = Annotated[float, Field(ge=0, le=0.5, description="turns of the colour circle are within +- this")]
Grey = Annotated[float, Field(ge=0, le=1, description="probability that an image loses its colours")]
YIQ = ((0.299, 0.587, 0.114), (0.5959, -0.2746, -0.3213), (0.2115, -0.5227, 0.3112))
"""Luma and two chrominances of red, green and blue (NTSC)."""


@TRANSFORMS.register()
class Colour(Transform):
    """Colour jitter, each image with factors of its own, drawn uniformly; targets stay as they are.

    torchvision's kernels take one factor for the whole batch. Here the four changes are one affine map of colours for
    each image, as in NVIDIA DALI's ColorTwist: saturation scales and hue turns the chrominances of YIQ, contrast moves
    values from or to the image's mean luma, and brightness scales them. Values are clipped to [0, 1] once, at the end.

    Args:
        brightness: largest change of the factor of brightness.
        contrast: largest change of the factor of contrast.
        saturation: largest change of the factor of saturation.
        hue: largest turn of the hue, 0.5 being half the circle.
        grey: probability that an image becomes grey.
    """

    def __init__(
        self,
        brightness: Brightness = 0.0,
        contrast: Contrast = 0.0,
        saturation: Saturation = 0.0,
        hue: Hue = 0.0,
        grey: Grey = 0.0,
    ) -> None:
        self.brightness, self.contrast, self.saturation = brightness, contrast, saturation
        self.hue, self.grey = hue, grey
        self._basis = _basis()

    def __call__(self, batch: Batch, tasks: Mapping[str, Task]) -> Batch:
        """Transform image (N, 3, H, W)."""
        image = batch["image"]
        if self._basis.device != image.device:
            self._basis = self._basis.to(image.device)  # once, not at every step, which would wait for it
        drawn = torch.rand(5, len(image), device=image.device)
        signed = drawn * 2 - 1
        brightness, contrast = 1 + self.brightness * signed[0], 1 + self.contrast * signed[1]
        chroma = torch.where(drawn[4] < self.grey, 0.0, 1 + self.saturation * signed[2])
        turn = 2 * math.pi * self.hue * signed[3]
        factors = torch.stack((torch.ones_like(turn), chroma * turn.cos(), chroma * turn.sin()), 1)
        matrix = torch.einsum("nk,kij->nij", factors * (brightness * contrast)[:, None], self._basis)
        pixels = image.permute(0, 2, 3, 1).flatten(1, 2)
        luma = pixels.mean(1) @ self._basis[0, 0]
        offset = ((1 - contrast) * brightness * luma).view(-1, 1, 1)
        changed = torch.baddbmm(offset, pixels, matrix.mT).clamp_(0, 1)
        return batch | {"image": changed.unflatten(1, image.shape[2:]).permute(0, 3, 1, 2)}


def _basis() -> Tensor:
    """Return maps of colours (3, 3, 3): to luma, to the rest, and to the rest turned by a quarter of the circle."""
    yiq = torch.tensor(YIQ, dtype=torch.float64)
    turned = torch.tensor([[0, 0, 0], [0, 0, -1], [0, 1, 0]], dtype=torch.float64)
    luma = yiq[:1].expand(3, 3)
    return torch.stack((luma, torch.eye(3) - luma, yiq.inverse() @ turned @ yiq)).float()
