"""Decoders of backbones: from four levels of features to the one that feeds the heads."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional

from src.foundation.registry import Registry

DECODERS = Registry("decoder", "src.models.decoders", given=("levels",))
"""Decoders, which are built for the ``levels`` of a backbone."""

LEVELS = 4
"""Levels of a backbone that a decoder sees, the finest first."""


@dataclass(frozen=True)
class BackboneLevels:
    """What a backbone gives to its decoder."""

    channels: tuple[int, ...]
    strides: tuple[int, ...]
    """Pixels of the image per position; a plain transformer's are all the same."""
    class_token: bool
    """Whether there is a class token at each level."""

    @property
    def plain(self) -> bool:
        """Whether all levels have the same resolution."""
        return len(set(self.strides)) == 1


class Decoder(nn.Module, ABC):
    """From a backbone's features (N, C_i, H_i, W_i), the finest first, to one feature (N, ``channels``, H', W')."""

    channels: int
    head_kernel: int = 3
    """Kernel size of the convolution that is a task's head."""

    @abstractmethod
    def forward(self, features: Sequence[Tensor], class_tokens: Sequence[Tensor] | None) -> Tensor:
        """Decode features and, where the backbone has them, the class tokens (N, 1, C_i) of the same levels."""


def resized_to(feature: Tensor, other: Tensor) -> Tensor:
    """Resize a feature bilinearly to the height and width of another."""
    size = (other.shape[-2], other.shape[-1])
    if feature.shape[-2:] == size:
        return feature
    return functional.interpolate(feature, size=size, mode="bilinear", align_corners=False)
