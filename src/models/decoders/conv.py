"""A light decoder of several levels."""

from collections.abc import Sequence
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from src.models.decoders.base import DECODERS, BackboneLevels, Decoder, resized_to


@DECODERS.register("conv")
class ConvDecoder(Decoder):
    """A 1x1 projection of each level, resized to the finest and concatenated, then a 3x3 convolution.

    Raises:
        UserError: through the options' bounds.
    """

    def __init__(
        self,
        levels: BackboneLevels,
        channels: Annotated[
            int, Field(ge=8, multiple_of=8, description="channels of each projection and of the result")
        ] = 128,
        norm: Annotated[Literal["batch", "group"], Field(description="BatchNorm, or GroupNorm of 8 groups")] = "batch",
    ) -> None:
        super().__init__()
        self.channels = channels
        self.project = nn.ModuleList(nn.Conv2d(width, channels, 1) for width in levels.channels)
        self.fuse = nn.Sequential(
            nn.Conv2d(len(levels.channels) * channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels) if norm == "batch" else nn.GroupNorm(8, channels),
            nn.ReLU(inplace=True),
        )

    def forward(self, features: Sequence[Tensor], class_tokens: Sequence[Tensor] | None) -> Tensor:
        """Project, resize, concatenate, fuse."""
        projected = [project(feature) for project, feature in zip(self.project, features, strict=True)]
        fused: Tensor = self.fuse(torch.cat([resized_to(each, projected[0]) for each in projected], dim=1))
        return fused
