"""Parts of a user's own, some of them mistaken, which a command imports as extensions=[tests.contracts.own_parts]."""

import torch
from torch import Tensor, nn

from src.data.transforms.base import TRANSFORMS, Batch
from src.data.transforms.scale_flip import ScaleFlip
from src.distillation.adaptors.base import ADAPTORS
from src.distillation.distances.base import DISTANCES
from src.models.base import MODELS, MultiTaskNetwork
from src.models.small import SmallTrunk
from src.tasks.base import TASKS
from tests.tasks.usual import Depth


@DISTANCES.register()
def chamfer(adapted: Tensor, teacher: Tensor, power: float = 2.0) -> Tensor:
    return (adapted - teacher).abs().pow(power).mean()


@DISTANCES.register()
def per_pixel(adapted: Tensor, teacher: Tensor) -> Tensor:
    return (adapted - teacher).square().mean(1)


@ADAPTORS.register()
def misspelt(channels_in: int, channels_out: int) -> nn.Module:
    return nn.Conv2d(channels_in, channels_out, kernel=1)


@TASKS.register()
class Unflipped(Depth):
    name = "unflipped"

    def hflip(self, target: Tensor) -> Tensor:
        return target


@TRANSFORMS.register()
class FlipsTheImage(ScaleFlip):
    def __call__(self, batch: Batch, tasks: dict) -> Batch:
        flipped = torch.rand(()) < 0.5
        return {n: v.flip(-1) if n == "image" and flipped else v for n, v in batch.items() if n != "view"}


@MODELS.register()
def with_a_spare_layer(outputs: dict) -> MultiTaskNetwork:
    trunk = SmallTrunk((4, 6, 8, 8))
    trunk.spare = nn.Conv2d(4, 4, 1, bias=False)
    return MultiTaskNetwork(trunk, outputs, lambda width, channels: nn.Conv2d(width, channels, 1))
