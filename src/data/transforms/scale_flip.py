"""Scale-crop and horizontal flip of a whole batch at once, on the device that trains."""

from collections.abc import Mapping, Sequence
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from src.data.transforms.base import AUGMENTATIONS, Augmentation, Batch
from src.tasks.base import Task

Scales = Annotated[
    Sequence[Annotated[float, Field(ge=1)]],
    Field(min_length=1, description="enlargements of random crops, drawn image by image"),
]
Share = Annotated[float, Field(ge=0, le=1, description="probability of a horizontal flip")]


@AUGMENTATIONS.register()
class ScaleFlip(Augmentation):
    """Random scale-crop and flip, drawn per image from torch's global generator.

    A scale s enlarges a random crop of H/s x W/s to the full size: images bilinearly, labels by nearest
    neighbour, with each task's own correction of values (depth / s; normals mirrored in x). This is the
    augmentation of MTAN and of arXiv 2204.02744, with scales 1, 1.2 and 1.5.

    Args:
        scales: the scales to draw from, all at least 1.
        flip: probability of a horizontal flip.
    """

    def __init__(self, scales: Scales = (1.0,), flip: Share = 0.0) -> None:
        self.scales = tuple(scales)
        self._choices = torch.tensor(self.scales)
        self.flip = flip

    def __call__(self, batch: Batch, tasks: Mapping[str, Task]) -> Batch:
        """Augment image (N, 3, H, W) and the targets of ``tasks`` together, and number the views unless unlimited."""
        image, view = batch["image"], batch.get("view")
        maps = {name: batch[name] for name in ("image", *tasks)}
        if self.scales != (1.0,):
            maps = self._scale_crop(maps, tasks, image.shape[0], image.device)
        if self.flip > 0:
            chosen = torch.rand(image.shape[0], device=image.device) < self.flip
            maps = {name: self._flipped(name, value, chosen, tasks) for name, value in maps.items()}
            view = view if view is None else 2 * view + chosen
        return maps if view is None or self.views is None else maps | {"view": view}

    def count_views(self) -> int | None:
        """Count an image as it is and, where it is flipped, mirrored; crops have unlimited views."""
        if self.scales != (1.0,):
            return None
        return 2 if self.flip > 0 else 1

    def _scale_crop(self, batch: Batch, tasks: Mapping[str, Task], count: int, device: torch.device) -> Batch:
        """Enlarge a random crop of each of ``count`` images and its targets to the full size."""
        if self._choices.device != device:
            self._choices = self._choices.to(device)  # once, not at every step, which would wait for it
        scale = self._choices[torch.randint(len(self.scales), (count,), device=device)]
        theta = torch.zeros(count, 2, 3, device=device)
        theta[:, 0, 0] = theta[:, 1, 1] = 1 / scale
        theta[:, :, 2] = (torch.rand(count, 2, device=device) * 2 - 1) * (1 - 1 / scale)[:, None]
        height, width = batch["image"].shape[-2:]
        grid = functional.affine_grid(theta, [count, 1, height, width], align_corners=False)
        out = {"image": _sample(batch["image"], grid, "bilinear")}
        for name, task in tasks.items():
            out[name] = task.rescale(_sample(batch[name], grid, "nearest"), scale)
        return out

    @staticmethod
    def _flipped(name: str, value: Tensor, chosen: Tensor, tasks: Mapping[str, Task]) -> Tensor:
        mirrored = value.flip(-1) if name == "image" else tasks[name].hflip(value)
        return torch.where(chosen.view(-1, *[1] * (value.ndim - 1)), mirrored, value)


def _sample(value: Tensor, grid: Tensor, mode: str) -> Tensor:
    """Sample maps (N, C, H, W) or (N, H, W) of any dtype at a grid (N, H, W, 2) in [-1, 1]."""
    maps = value if value.ndim == 4 else value[:, None]
    sampled = functional.grid_sample(maps.float(), grid, mode=mode, padding_mode="border", align_corners=False)
    return sampled.to(value.dtype) if value.ndim == 4 else sampled[:, 0].to(value.dtype)
