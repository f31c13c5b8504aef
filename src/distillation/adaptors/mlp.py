"""A per-pixel perceptron as adaptor."""

from torch import nn


def mlp(channels_in: int, channels_out: int, expansion: float = 1.0) -> nn.Sequential:
    """Build 1x1 convolution, BatchNorm, ReLU, 1x1 convolution; hidden width is ``expansion`` times the output's."""
    hidden = max(1, round(channels_out * expansion))
    return nn.Sequential(
        nn.Conv2d(channels_in, hidden, 1, bias=False),
        nn.BatchNorm2d(hidden),
        nn.ReLU(inplace=True),
        nn.Conv2d(hidden, channels_out, 1, bias=False),
    )
