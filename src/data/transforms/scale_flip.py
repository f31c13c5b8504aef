"""Scale-crop and horizontal flip of a whole batch at once, on the device that trains."""

from collections.abc import Mapping, Sequence
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from src.data.transforms.base import TRANSFORMS, Batch, Transform
from src.data.transforms.crops import enlarge_random_crops
from src.tasks.base import Task

Scales = Annotated[
    Sequence[Annotated[float, Field(ge=1)]],
    Field(min_length=1, description="enlargements of random crops, drawn image by image"),
]
Share = Annotated[float, Field(ge=0, le=1, description="probability of a horizontal flip")]


@TRANSFORMS.register()
class ScaleFlip(Transform):
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
        """Transform image (N, 3, H, W) and the targets of ``tasks``, and number the views unless unlimited."""
        count, device, view = len(batch["image"]), batch["image"].device, batch.get("view")
        maps = {name: batch[name] for name in ("image", *tasks)}
        if self.scales != (1.0,):
            maps = enlarge_random_crops(maps, tasks, self._draw_scales(count, device))
        if self.flip > 0:
            chosen = torch.rand(count, device=device) < self.flip
            maps = {name: self._flipped(name, value, chosen, tasks) for name, value in maps.items()}
            view = view if view is None else 2 * view + chosen
        return maps if view is None or self.views is None else maps | {"view": view}

    def count_views(self) -> int | None:
        """Count an image as it is and, where it is flipped, mirrored; crops have unlimited views."""
        if self.scales != (1.0,):
            return None
        return 2 if self.flip > 0 else 1

    def _draw_scales(self, count: int, device: torch.device) -> Tensor:
        if self._choices.device != device:
            self._choices = self._choices.to(device)  # once, not at every step, which would wait for it
        return self._choices[torch.randint(len(self.scales), (count,), device=device)]

    @staticmethod
    def _flipped(name: str, value: Tensor, chosen: Tensor, tasks: Mapping[str, Task]) -> Tensor:
        mirrored = value.flip(-1) if name == "image" else tasks[name].hflip(value)
        return torch.where(chosen.view(-1, *[1] * (value.ndim - 1)), mirrored, value)
