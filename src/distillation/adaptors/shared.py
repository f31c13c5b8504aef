"""One linear adaptor for all tasks, which differ by a scale per channel."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from src.distillation.adaptors.base import ADAPTORS, SharedAdaptor
from src.distillation.adaptors.linear import linear
from src.foundation.errors import UserError


class Scaled(nn.Module):
    """A trunk that other tasks may share, and a learned scale per output channel that starts at 1."""

    def __init__(self, trunk: nn.Module, channels: int) -> None:
        super().__init__()
        self.trunk = trunk
        self.scale = nn.Parameter(torch.ones(channels, 1, 1))

    def forward(self, feature: Tensor) -> Tensor:
        """Map a feature (N, C_in, H, W) to (N, C_out, H, W)."""
        return self.trunk(feature) * self.scale


@ADAPTORS.register()
class Shared(SharedAdaptor):
    """A 1x1 convolution that all tasks share at a level, then a learned scale per channel and task."""

    def build(self, channels_in: int, channels_out: Mapping[str, int]) -> dict[str, nn.Module]:
        """Build one level's adaptors, by teacher, around one and the same convolution.

        Raises:
            UserError: teachers differ in channels.
        """
        if len(set(channels_out.values())) > 1:
            widths = ", ".join(f"{teacher} has {width}" for teacher, width in channels_out.items())
            raise UserError(
                f"adaptor=shared cannot serve teachers of different channels at a level: {widths}",
                "they would share one convolution, which has one number of output channels",
                "adaptor=linear gives each teacher its own; or align teacher levels of equal width",
            )
        trunk = linear(channels_in, next(iter(channels_out.values())))
        return {teacher: Scaled(trunk, width) for teacher, width in channels_out.items()}
