"""An adaptor with a 3x3 receptive field at little more than the cost of a 1x1 convolution."""

from torch import nn

from src.distillation.adaptors.base import ADAPTORS
from src.distillation.adaptors.linear import linear


@ADAPTORS.register()
def depthwise(channels_in: int, channels_out: int) -> nn.Module:
    """Build a 3x3 depthwise convolution and a 1x1 convolution without bias, Xavier normal."""
    spatial = nn.Conv2d(channels_in, channels_in, 3, padding=1, groups=channels_in, bias=False)
    # nn.init.xavier_normal_ ignores groups: it counts 9 * channels_in outputs per input where there are 9
    nn.init.normal_(spatial.weight, std=1 / 3)
    return nn.Sequential(spatial, linear(channels_in, channels_out))
