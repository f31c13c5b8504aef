"""The papers' adaptor: a 1x1 convolution without bias."""

from torch import nn

from src.distillation.adaptors.base import ADAPTORS


@ADAPTORS.register()
def linear(channels_in: int, channels_out: int) -> nn.Module:
    """Build a 1x1 convolution without bias, Xavier normal (Li and Bilen 2020)."""
    layer = nn.Conv2d(channels_in, channels_out, 1, bias=False)
    nn.init.xavier_normal_(layer.weight)
    return layer
