"""Random crops of a batch, enlarged to its full size."""

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

from src.data.transforms.base import Batch
from src.tasks.base import Task


def enlarge_random_crops(batch: Batch, tasks: Mapping[str, Task], scale: Tensor) -> Batch:
    """Enlarge a random crop of H/s x W/s of each image and its targets to the full size, s = ``scale`` (N).

    Both axes have the same s, so that the crop is what a camera sees that is nearer: a task's ``rescale`` can correct
    its values. Images are sampled bilinearly, targets by nearest neighbour.
    """
    image = batch["image"]
    count, (height, width) = image.shape[0], image.shape[-2:]
    theta = torch.zeros(count, 2, 3, device=image.device)
    theta[:, 0, 0] = theta[:, 1, 1] = 1 / scale
    theta[:, :, 2] = (torch.rand(count, 2, device=image.device) * 2 - 1) * (1 - 1 / scale)[:, None]
    grid = functional.affine_grid(theta, [count, 1, height, width], align_corners=False)
    targets = {name: task.rescale(_sample(batch[name], grid, "nearest"), scale) for name, task in tasks.items()}
    return batch | {"image": _sample(image, grid, "bilinear")} | targets


def _sample(value: Tensor, grid: Tensor, mode: str) -> Tensor:
    """Sample maps (N, C, H, W) or (N, H, W) of any dtype at a grid (N, H, W, 2) in [-1, 1]."""
    maps = value if value.ndim == 4 else value[:, None]
    sampled = functional.grid_sample(maps.float(), grid, mode=mode, padding_mode="border", align_corners=False)
    return sampled.to(value.dtype) if value.ndim == 4 else sampled[:, 0].to(value.dtype)
