"""A linear adaptor through a bottleneck."""

from torch import nn

from src.distillation.adaptors.linear import linear
from src.errors import UserError


def low_rank(channels_in: int, channels_out: int, rank: int | None = None) -> nn.Module:
    """Build a 1x1 convolution to ``rank`` channels and one from there, without bias, Xavier normal.

    Args:
        channels_in: channels of the student's feature.
        channels_out: channels of the teacher's feature.
        rank: width of the bottleneck; a quarter of the smaller side, at least 1, where it is None.

    Raises:
        UserError: the rank is below 1.
    """
    if rank is None:
        rank = max(1, min(channels_in, channels_out) // 4)
    if rank < 1:
        raise UserError(
            f"adaptor.rank={rank} is too small",
            "the bottleneck needs at least one channel",
            "adaptor.rank=null takes a quarter of the smaller side",
        )
    return nn.Sequential(linear(channels_in, rank), linear(rank, channels_out))
