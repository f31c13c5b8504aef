"""An adaptor with a 3x3 receptive field."""

from torch import nn

from src.distillation.adaptors.base import ADAPTORS


@ADAPTORS.register()
def conv3x3(channels_in: int, channels_out: int) -> nn.Module:
    """Build a 3x3 convolution without bias, Xavier normal."""
    layer = nn.Conv2d(channels_in, channels_out, 3, padding=1, bias=False)
    nn.init.xavier_normal_(layer.weight)
    return layer
