"""An adaptor that sees each pixel's neighbours."""

from torch import nn


def conv3x3(channels_in: int, channels_out: int) -> nn.Module:
    """Build a 3x3 convolution without bias, Xavier normal."""
    layer = nn.Conv2d(channels_in, channels_out, 3, padding=1, bias=False)
    nn.init.xavier_normal_(layer.weight)
    return layer
