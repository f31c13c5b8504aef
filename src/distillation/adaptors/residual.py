"""A linear adaptor that can become a non-linear one."""

from typing import Annotated

from pydantic import Field
from torch import Tensor, nn

from src.distillation.adaptors.base import ADAPTORS
from src.distillation.adaptors.linear import Init, linear
from src.distillation.adaptors.mlp import mlp


@ADAPTORS.register()
class Residual(nn.Module):
    """A 1x1 convolution plus a perceptron (1x1, BatchNorm, ReLU, 1x1) that starts at zero.

    Args:
        channels_in: channels of the student's feature.
        channels_out: channels of the teacher's feature.
        expansion: hidden width of the perceptron over ``channels_out``.
        init: initial weights of the 1x1 convolution; see ``linear``.
    """

    def __init__(
        self,
        channels_in: int,
        channels_out: int,
        expansion: Annotated[
            float, Field(gt=0, description="hidden width of the perceptron over the teacher's channels")
        ] = 0.25,
        init: Init = "xavier",
    ) -> None:
        super().__init__()
        self.linear = linear(channels_in, channels_out, init)
        self.branch = mlp(channels_in, channels_out, expansion)
        for parameter in self.branch[-1].parameters():
            nn.init.zeros_(parameter)

    def forward(self, feature: Tensor) -> Tensor:
        """Map a feature (N, C_in, H, W) to (N, C_out, H, W)."""
        return self.linear(feature) + self.branch(feature)
