"""A linear adaptor through a bottleneck."""

from typing import Annotated

from pydantic import Field
from torch import nn

from src.distillation.adaptors.base import ADAPTORS
from src.distillation.adaptors.linear import linear

Rank = Annotated[
    Annotated[int, Field(ge=1)] | None,
    Field(description="width of the bottleneck; null: a quarter of the smaller"),
]


@ADAPTORS.register()
def low_rank(channels_in: int, channels_out: int, rank: Rank = None) -> nn.Module:
    """Build a 1x1 convolution to ``rank`` channels and one from there, without bias, Xavier normal.

    Args:
        channels_in: channels of the student's feature.
        channels_out: channels of the teacher's feature.
        rank: width of the bottleneck; a quarter of the smaller side, at least 1, where it is None.
    """
    if rank is None:
        rank = max(1, min(channels_in, channels_out) // 4)
    return nn.Sequential(linear(channels_in, rank), linear(rank, channels_out))
