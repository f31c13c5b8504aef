"""UPerNet's decoder: a pyramid pooling of the coarsest level and a feature pyramid."""

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import Field
from torch import Tensor, nn

from src.models.decoders.base import DECODERS, BackboneLevels, Decoder


@DECODERS.register("upernet")
class UPerNetDecoder(Decoder):
    """The decoder of segmentation-models-pytorch's UPerNet (Xiao et al., ECCV 2018).

    A plain transformer's levels first become a pyramid (Li et al., ViTDet, arXiv 2203.16527): four and two times as
    fine, as they are, half as fine.
    """

    def __init__(
        self,
        levels: BackboneLevels,
        channels: Annotated[int, Field(ge=1, description="channels of each level of the pyramid")] = 256,
    ) -> None:
        super().__init__()
        from segmentation_models_pytorch.decoders.upernet.decoder import UPerNetDecoder as Fusion  # takes seconds

        self.channels = channels
        pyramid = _pyramid(levels.channels) if levels.plain else [nn.Identity() for _ in levels.channels]
        self.pyramid = nn.ModuleList(pyramid)
        self.fusion: Any = Fusion(encoder_channels=[0, 0, *levels.channels], decoder_channels=channels)

    def forward(self, features: Sequence[Tensor], class_tokens: Sequence[Tensor] | None) -> Tensor:
        """Bring the levels to four resolutions and fuse them at the finest."""
        scaled = [scale(feature) for scale, feature in zip(self.pyramid, features, strict=True)]
        fused: Tensor = self.fusion([None, None, *scaled])  # its first two are the image and half of it, which it skips
        return fused


def _pyramid(channels: Sequence[int]) -> list[nn.Module]:
    first, second = channels[:2]
    return [
        nn.Sequential(
            nn.ConvTranspose2d(first, first, 2, stride=2), nn.BatchNorm2d(first), nn.GELU(),
            nn.ConvTranspose2d(first, first, 2, stride=2),
        ),
        nn.ConvTranspose2d(second, second, 2, stride=2),
        nn.Identity(),
        nn.MaxPool2d(2, ceil_mode=True),
    ]  # fmt: skip
