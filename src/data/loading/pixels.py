"""Conversion between stored pixels and network input: images normalised by ImageNet's statistics, for all networks."""

from functools import cache

import torch
from torch import Tensor

from src.models.input_statistics import IMAGENET


def normalise(image: Tensor) -> Tensor:
    """Map uint8 images (N, H, W, 3) to normalised float (N, 3, H, W) in channels-last memory."""
    mean, std = _channels(image.device)
    return (image.permute(0, 3, 1, 2).float() - mean) / std


def to_unit_range(image: Tensor) -> Tensor:
    """Map uint8 images (N, H, W, 3) to float (N, 3, H, W) in [0, 1], in channels-last memory, for transforms."""
    return image.permute(0, 3, 1, 2).float() / 255


def normalise_unit_range(image: Tensor) -> Tensor:
    """Normalise float images (N, 3, H, W) in [0, 1]; of ``to_unit_range`` it makes exactly what ``normalise`` does."""
    mean, std = _channels(image.device)
    return (image * 255 - mean) / std


def denormalise(image: Tensor) -> Tensor:
    """Undo ``normalise`` for one image (3, H, W): uint8 (H, W, 3)."""
    mean, std = _channels(image.device)
    return (image.float() * std + mean).round().clamp(0, 255).byte().permute(1, 2, 0)


@cache
def _channels(device: torch.device) -> tuple[Tensor, Tensor]:
    """Return mean and deviation of stored pixels (3, 1, 1), copied to a device once: each copy waits for it."""
    mean, std = (torch.tensor(values, device=device).view(3, 1, 1) * 255 for values in (IMAGENET.mean, IMAGENET.std))
    return mean, std
