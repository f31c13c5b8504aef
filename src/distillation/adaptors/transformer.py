"""A transformer block as adaptor: a location's teacher feature may depend on the whole image."""

from math import gcd, sqrt
from typing import Annotated

from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from src.distillation.adaptors.base import ADAPTORS

Heads = Annotated[int, Field(ge=1, description="most attention heads; as many of them as divide the channels")]
Keys = Annotated[
    Annotated[int, Field(ge=1)] | None,
    Field(description="most locations that one attends to; larger levels are pooled for it; null: all"),
]


class PooledAttention(nn.Module):
    """Multi-head attention of all locations to those of the feature, averaged over windows where there are many.

    The pooling is that of PVT's spatial reduction (Wang et al., ICCV 2021, arXiv 2102.12122) without its weights.
    """

    def __init__(self, width: int, heads: int, keys: int | None) -> None:
        super().__init__()
        self.heads, self.keys = gcd(width, heads), keys
        self.query, self.out = nn.Linear(width, width, bias=False), nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width, bias=False)

    def forward(self, tokens: Tensor) -> Tensor:
        """Map locations (N, H, W, C) to what each gathers (N, H, W, C)."""
        query = self._by_head(self.query(tokens))
        key, value = (self._by_head(side) for side in self.key_value(self._pooled(tokens)).chunk(2, -1))
        gathered: Tensor = functional.scaled_dot_product_attention(query, key, value)
        out: Tensor = self.out(gathered.transpose(1, 2).reshape(tokens.shape))
        return out

    def _by_head(self, tokens: Tensor) -> Tensor:
        """Map (N, H, W, C) to (N, heads, H * W, C / heads)."""
        return tokens.flatten(1, 2).unflatten(-1, (self.heads, -1)).transpose(1, 2)

    def _pooled(self, tokens: Tensor) -> Tensor:
        height, width = tokens.shape[1:3]
        if self.keys is None or height * width <= self.keys:
            return tokens
        shrink = sqrt(self.keys / (height * width))
        rows = min(max(1, int(height * shrink)), self.keys)
        size = (rows, min(max(1, int(width * shrink)), self.keys // rows))
        return functional.adaptive_avg_pool2d(tokens.permute(0, 3, 1, 2), size).permute(0, 2, 3, 1)


@ADAPTORS.register()
class Transformer(nn.Module):
    """One pre-norm transformer block over a level's locations, then a linear map to the teacher's channels.

    After the transformer projectors of DUNE (Sariyildiz et al., CVPR 2025, arXiv 2503.14405). There is no positional
    encoding, so any size of image will do. Its memory grows with locations times channels (about 12 copies of the
    feature are kept for the backward pass), its time with locations times ``keys``: cheap at a bottleneck, dear at a
    level of full resolution.

    Args:
        channels_in: channels of the student's feature.
        channels_out: channels of the teacher's feature.
        heads: most attention heads.
        expansion: hidden width of the perceptron over ``channels_in``.
        keys: most locations that each attends to; None are all.
    """

    def __init__(
        self,
        channels_in: int,
        channels_out: int,
        heads: Heads = 8,
        expansion: Annotated[
            float, Field(gt=0, description="hidden width of the perceptron over the student's channels")
        ] = 4.0,
        keys: Keys = 1024,
    ) -> None:
        super().__init__()
        hidden = max(1, round(channels_in * expansion))
        self.attention = nn.Sequential(nn.LayerNorm(channels_in), PooledAttention(channels_in, heads, keys))
        self.perceptron = nn.Sequential(
            nn.LayerNorm(channels_in), nn.Linear(channels_in, hidden), nn.GELU(), nn.Linear(hidden, channels_in)
        )
        self.out = nn.Linear(channels_in, channels_out)

    def forward(self, feature: Tensor) -> Tensor:
        """Map a feature (N, C_in, H, W) to (N, C_out, H, W)."""
        tokens = feature.permute(0, 2, 3, 1)
        tokens = tokens + self.attention(tokens)
        adapted: Tensor = self.out(tokens + self.perceptron(tokens))
        return adapted.permute(0, 3, 1, 2)
