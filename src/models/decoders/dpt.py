"""DPT's decoder: tokens reassembled at four resolutions and fused step by step."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import Field
from torch import Tensor

from src.models.decoders.base import DECODERS, LEVELS, BackboneLevels, Decoder, resized_to

NOMINAL_PATCH = 16
"""The stride for which smp reassembles at 4, 2, 1 and 1/2 times the grid, as DPT does for any patch."""


@DECODERS.register("dpt")
class DptDecoder(Decoder):
    """The decoder of segmentation-models-pytorch's DPT (Ranftl et al., ICCV 2021), for any patch and any grid.

    The class token joins each position (``readout``); register tokens do not.
    """

    def __init__(
        self,
        levels: BackboneLevels,
        channels: Annotated[int, Field(ge=1, description="channels of the fusion")] = 256,
        reassembled: Annotated[
            Sequence[Annotated[int, Field(ge=1)]],
            Field(min_length=LEVELS, max_length=LEVELS, description="channels of each level before the fusion"),
        ] = (96, 192, 384, 768),
        readout: Annotated[
            Literal["cat", "add", "ignore"], Field(description="how the class token joins, if there is one")
        ] = "cat",
    ) -> None:
        super().__init__()
        from segmentation_models_pytorch.decoders.dpt.decoder import DPTDecoder  # takes seconds

        self.channels = channels
        self.uses_class_token = levels.class_token and readout != "ignore"
        self.fusion: Any = DPTDecoder(
            encoder_out_channels=levels.channels,
            encoder_output_strides=[NOMINAL_PATCH] * len(levels.strides) if levels.plain else levels.strides,
            encoder_has_prefix_tokens=self.uses_class_token,
            readout=readout if self.uses_class_token else "ignore",
            intermediate_channels=reassembled,
            fusion_channels=channels,
        )

    def forward(self, features: Sequence[Tensor], class_tokens: Sequence[Tensor] | None) -> Tensor:
        """Reassemble each level and fuse from the coarsest to the finest.

        smp's own pass is not used: it doubles sizes and so fails for grids of an odd height or width.
        """
        tokens = class_tokens if self.uses_class_token and class_tokens else [None] * len(features)
        read = [
            block(feature.contiguous(), token)
            for block, feature, token in zip(self.fusion.projection_blocks, features, tokens, strict=True)
        ]
        scaled = [block(feature) for block, feature in zip(self.fusion.reassemble_blocks, read, strict=True)]
        first, *others = self.fusion.fusion_blocks
        fused: Tensor = first(scaled[-1])
        for block, feature in zip(others, reversed(scaled[:-1]), strict=True):
            fused = block(feature, resized_to(fused, feature))
        return fused
