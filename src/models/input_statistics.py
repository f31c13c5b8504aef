"""Mean and deviation of the pictures that a network takes, which belong to the network."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from src.foundation.errors import UserError

Channels = tuple[float, float, float]


@dataclass(frozen=True)
class InputStatistics:
    """Mean and deviation, by channel (red, green, blue), by which pictures in [0, 1] are normalised."""

    mean: Channels
    std: Channels

    def plain(self) -> dict[str, list[float]]:
        """Return plain values, for a file."""
        return {"mean": list(self.mean), "std": list(self.std)}


IMAGENET = InputStatistics((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
"""ImageNet's, by which batches are normalised, and which most pretrained networks expect."""


def read_statistics(values: Any, where: str = "") -> InputStatistics:
    """Read what ``plain`` wrote; nothing, as files of earlier versions say, stands for ImageNet's.

    Raises:
        UserError: anything but three finite means and three positive deviations.
    """
    if values is None:
        return IMAGENET
    mean, std = (_channels(values.get(key)) if isinstance(values, Mapping) else None for key in ("mean", "std"))
    if mean is None or std is None or min(std) <= 0:
        raise UserError(
            f"{where or 'a network'} does not say which pictures its network takes",
            f"its input is {values}, not three means and three positive deviations",
        )
    return InputStatistics(mean, std)


def _channels(values: Any) -> Channels | None:
    numbers = isinstance(values, Sequence) and all(isinstance(v, int | float) and math.isfinite(v) for v in values)
    return (float(values[0]), float(values[1]), float(values[2])) if numbers and len(values) == 3 else None


class Renormalise(nn.Module):
    """Maps images (N, 3, H, W) that were normalised by ImageNet's statistics to other ones: one affine operation.

    With pictures p, x = (p - m) / s becomes (p - m') / s' = x s / s' + (m - m') / s'.
    """

    scale: Tensor
    shift: Tensor

    def __init__(self, statistics: InputStatistics) -> None:
        super().__init__()
        of_batch = torch.tensor([IMAGENET.mean, IMAGENET.std], dtype=torch.float64)
        of_network = torch.tensor([statistics.mean, statistics.std], dtype=torch.float64)
        scale, shift = of_batch[1] / of_network[1], (of_batch[0] - of_network[0]) / of_network[1]
        # not persistent: they follow from the statistics, and state dicts stay what they were
        self.register_buffer("scale", scale.float().view(3, 1, 1), persistent=False)
        self.register_buffer("shift", shift.float().view(3, 1, 1), persistent=False)

    def forward(self, image: Tensor) -> Tensor:
        """Return the images under the network's own statistics, in the memory format that they had."""
        return torch.addcmul(self.shift, image, self.scale)
