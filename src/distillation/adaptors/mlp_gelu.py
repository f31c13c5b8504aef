"""The per-pixel perceptron of today's projectors: LayerNorm and GELU in place of BatchNorm and ReLU."""

from typing import Annotated

from pydantic import Field
from torch import Tensor, nn

from src.distillation.adaptors.base import ADAPTORS


@ADAPTORS.register()
class MlpGelu(nn.Module):
    """Linear, LayerNorm over channels, GELU, linear at each location: a location depends on no other and no batch.

    After the projectors of AM-RADIO (arXiv 2312.06709) and UNIC (arXiv 2408.05088), whose hidden width is the encoder's
    at inner levels and four times that at the last.

    Args:
        channels_in: channels of the student's feature.
        channels_out: channels of the teacher's feature.
        expansion: hidden width over ``channels_out``.
    """

    def __init__(
        self,
        channels_in: int,
        channels_out: int,
        expansion: Annotated[float, Field(gt=0, description="hidden width over output width")] = 1.0,
    ) -> None:
        super().__init__()
        hidden = max(1, round(channels_out * expansion))
        self.layers = nn.Sequential(
            nn.Linear(channels_in, hidden), nn.LayerNorm(hidden), nn.GELU(), nn.Linear(hidden, channels_out)
        )

    def forward(self, feature: Tensor) -> Tensor:
        """Map a feature (N, C_in, H, W) to (N, C_out, H, W)."""
        adapted: Tensor = self.layers(feature.permute(0, 2, 3, 1))
        return adapted.permute(0, 3, 1, 2)
