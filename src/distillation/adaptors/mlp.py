"""A per-pixel perceptron as adaptor."""

from typing import Annotated

from pydantic import Field
from torch import nn

from src.distillation.adaptors.base import ADAPTORS


@ADAPTORS.register()
def mlp(
    channels_in: int,
    channels_out: int,
    expansion: Annotated[float, Field(gt=0, description="hidden width over output width")] = 1.0,
) -> nn.Sequential:
    """Build 1x1 convolution, BatchNorm, ReLU, 1x1 convolution; hidden width is ``expansion`` times the output's."""
    hidden = max(1, round(channels_out * expansion))
    return nn.Sequential(
        nn.Conv2d(channels_in, hidden, 1, bias=False),
        nn.BatchNorm2d(hidden),
        nn.ReLU(inplace=True),
        nn.Conv2d(hidden, channels_out, 1, bias=False),
    )
