"""Stored pixels and what networks see."""

import torch
from torch import Tensor

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # ImageNet's, which pretrained encoders expect


def normalise(image: Tensor) -> Tensor:
    """Map uint8 images (N, H, W, 3) to normalised float (N, 3, H, W) in channels-last memory."""
    mean = torch.tensor(MEAN, device=image.device).view(1, 3, 1, 1) * 255
    std = torch.tensor(STD, device=image.device).view(1, 3, 1, 1) * 255
    return (image.permute(0, 3, 1, 2).float() - mean) / std


def denormalise(image: Tensor) -> Tensor:
    """Undo ``normalise`` for one image (3, H, W): uint8 (H, W, 3)."""
    mean = torch.tensor(MEAN, device=image.device).view(3, 1, 1)
    std = torch.tensor(STD, device=image.device).view(3, 1, 1)
    return ((image.float() * std + mean) * 255).round().clamp(0, 255).byte().permute(1, 2, 0)
