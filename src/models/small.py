"""A small encoder-decoder with skip connections, for procedural data and machines without a GPU."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from src.models.base import MODELS, Features, MultiTaskNetwork, Trunk

Filters = Annotated[
    Sequence[Annotated[int, Field(ge=1)]], Field(min_length=2, description="channels of the stages, each half the size")
]


def _convolution(channels_in: int, channels_out: int, stride: int = 1) -> nn.Sequential:
    """Build a 3x3 convolution without bias, BatchNorm and ReLU."""
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, 3, stride=stride, padding=1, bias=False),
        nn.BatchNorm2d(channels_out),
        nn.ReLU(inplace=True),
    )


class SmallTrunk(Trunk):
    """A strided stage per filter, halving each time, and nearest upsampling with skips back to H/2.

    Levels, for four filters: ``encoder1`` (H/2) to ``encoder3`` (H/8), ``bottleneck`` (H/16), ``decoder3``,
    ``decoder2`` and ``decoder`` (H/2).
    """

    def __init__(self, filters: Sequence[int]) -> None:
        super().__init__()
        self.divisor = 2 ** len(filters)
        inputs = [3, *filters[:-1]]
        self.encoder = nn.ModuleList(
            nn.Sequential(_convolution(i, f, stride=2), _convolution(f, f))
            for i, f in zip(inputs, filters, strict=True)
        )
        pairs = list(itertools.pairwise(filters))
        self.decoder = nn.ModuleList(_convolution(low + high, low) for low, high in pairs)
        down = [f"encoder{i + 1}" for i in range(len(filters) - 1)] + ["bottleneck"]
        up = [f"decoder{i + 1}" for i in reversed(range(1, len(pairs)))] + ["decoder"]
        self.channels = dict(zip([*down, *up], [*filters, *reversed(filters[:-1])], strict=True))

    def last_stage(self) -> nn.Module:
        """Return the decoder's stage at H/2."""
        return self.decoder[0]

    def backbone(self) -> nn.Module:
        """Return the encoder."""
        return self.encoder

    def forward(self, image: Tensor, until: str | None = None) -> Features:
        """Map images (N, 3, H, W) to features by level name, computing nothing beyond ``until``."""
        features: Features = {}
        names = iter(self.channels)
        skips: list[Tensor] = []
        x = image
        for stage in self.encoder:
            x = stage(x)
            skips.append(x)
            level = next(names)
            features[level] = x
            if level == until:
                return features
        for number in reversed(range(len(self.decoder))):
            skip = skips[number]
            x = functional.interpolate(x, size=skip.shape[-2:], mode="nearest")
            x = self.decoder[number](torch.cat((x, skip), dim=1))
            level = next(names)
            features[level] = x
            if level == until:
                return features
        return features


def _head(width: int, channels: int) -> nn.Module:
    return nn.Sequential(_convolution(width, width), nn.Conv2d(width, 4 * channels, 1), nn.PixelShuffle(2))


@MODELS.register()
def small(outputs: Mapping[str, int], filters: Filters) -> MultiTaskNetwork:
    """Build the small network; heads work at H/2 and give four output pixels for each of theirs."""
    return MultiTaskNetwork(SmallTrunk(tuple(filters)), outputs, _head)
