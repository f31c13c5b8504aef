"""1x1 convolutions alone: what the features of a backbone hold without help."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field
from torch import Tensor, nn

from src.models.decoders.base import DECODERS, BackboneLevels, Decoder, resized_to


@DECODERS.register("linear")
class LinearDecoder(Decoder):
    """A 1x1 convolution of the concatenated levels at the resolution of the finest.

    It is computed as a sum of one convolution per level, each before its resizing, which is the same and cheaper.
    DINOv2 (arXiv 2304.07193) compares backbones by a linear layer on four blocks.
    """

    head_kernel = 1

    def __init__(
        self,
        levels: BackboneLevels,
        channels: Annotated[int, Field(ge=1, description="channels of the feature that feeds the heads")] = 256,
    ) -> None:
        super().__init__()
        self.channels = channels
        finest, *others = levels.channels
        self.coarser = nn.ModuleList(nn.Conv2d(width, channels, 1, bias=False) for width in others)
        self.finest = nn.Conv2d(finest, channels, 1)

    def forward(self, features: Sequence[Tensor], class_tokens: Sequence[Tensor] | None) -> Tensor:
        """Project each level, resize to the finest, add up."""
        total: Tensor = self.finest(features[0])
        for project, feature in zip(self.coarser, features[1:], strict=True):
            total = total + resized_to(project(feature), total)
        return total
