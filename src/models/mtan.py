"""MTAN (Liu et al., CVPR 2019): a shared SegNet, and per task an attention module at each of its stages."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from src.models.base import MODELS, Features, MultiTaskNetwork, Trunk, task_level
from src.models.segnet import Filters, SegNetTrunk, Weights, convolutions, head, initialise
from src.models.weights.loading import Matching

LAYERS = 3  # convolution, BatchNorm and ReLU, which compute a stage's first feature


def _attention(channels_in: int, channels_out: int) -> nn.Sequential:
    """Build what maps shared and task features to a mask in (0, 1)."""
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, 1),
        nn.BatchNorm2d(channels_out),
        nn.ReLU(inplace=True),
        nn.Conv2d(channels_out, channels_out, 1),
        nn.BatchNorm2d(channels_out),
        nn.Sigmoid(),
    )


class MtanTrunk(Trunk):
    """A SegNet whose features each task masks by its own attention.

    Levels: those of SegNet, at the same sizes. On the way down a task's feature is the masked shared one, passed
    through a convolution that all tasks share, and pooled; on the way up it is the masked shared one.
    """

    divisor = SegNetTrunk.divisor

    def __init__(self, tasks: Sequence[str], filters: Sequence[int]) -> None:
        super().__init__()
        self.tasks = tuple(tasks)
        segnet = SegNetTrunk(filters)
        following, outputs = [*filters[1:], filters[-1]], [filters[0], *filters[:-1]]
        down = [filters[0], *(2 * width for width in filters[1:])]
        up = [width + output for width, output in zip(filters, outputs, strict=True)]
        self.common = nn.ModuleDict(
            {
                "segnet": segnet,
                "encoder": nn.ModuleList(map(convolutions, filters, following)),
                "decoder": nn.ModuleList(map(convolutions, filters, outputs)),
            }
        )
        self.encoder = nn.ModuleDict({task: nn.ModuleList(map(_attention, down, filters)) for task in self.tasks})
        self.decoder = nn.ModuleDict({task: nn.ModuleList(map(_attention, up, outputs)) for task in self.tasks})
        names = list(segnet.channels)
        self.channels = dict(zip(names, [*following, *reversed(outputs)], strict=True))

    def shared(self) -> nn.Module:
        """Return everything but the attention modules."""
        return self.common

    def last_stage(self) -> nn.Module:
        """Return the last stage of the shared SegNet."""
        return self.segnet.last_stage()

    def backbone(self) -> nn.Module:
        """Return the encoder of the shared SegNet."""
        return self.segnet.backbone()

    @property
    def segnet(self) -> SegNetTrunk:
        """The shared SegNet."""
        segnet = self.common["segnet"]
        assert isinstance(segnet, SegNetTrunk)
        return segnet

    def forward(self, image: Tensor, until: str | None = None) -> Features:
        """Map images (N, 3, H, W) to features by level and task, computing nothing beyond ``until``."""
        features: Features = {}
        levels = iter(self.channels)
        segnet = self.segnet
        indices: list[Tensor] = []
        shared, tasks = image, dict.fromkeys(self.tasks, image.new_empty(0))
        for number, stage in enumerate(segnet.encoder):
            first, last = _first_and_last(stage, shared)
            for task, previous in tasks.items():
                seen = torch.cat((first, previous), dim=1) if number else first
                masked = self.encoder[task][number](seen) * last  # type: ignore[index]
                tasks[task] = functional.max_pool2d(self.common["encoder"][number](masked), 2)  # type: ignore[index]
            shared, index = segnet.pool(last)
            indices.append(index)
            if _add(features, next(levels), tasks) == until:
                return features
        for number in reversed(range(len(segnet.decoder))):
            shared = segnet.unpool(shared, indices[number])
            last = segnet.decoder[number](shared)
            for task, previous in tasks.items():
                enlarged = functional.interpolate(previous, scale_factor=2, mode="bilinear", align_corners=True)
                seen = torch.cat((shared, self.common["decoder"][number](enlarged)), dim=1)  # type: ignore[index]
                tasks[task] = self.decoder[task][number](seen) * last  # type: ignore[index]
            shared = last
            if _add(features, next(levels), tasks) == until:
                return features
        return features


def _first_and_last(stage: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
    """Features after a stage's first convolution and after its last."""
    layers = list(stage.children())
    for layer in layers[:LAYERS]:
        x = layer(x)
    first = x
    for layer in layers[LAYERS:]:
        x = layer(x)
    return first, x


def _add(features: Features, level: str, tasks: Mapping[str, Tensor]) -> str:
    features.update({task_level(level, task): feature for task, feature in tasks.items()})
    return level


@MODELS.register()
def mtan(
    outputs: Mapping[str, int], filters: Filters, weights: Weights = None, match: Matching = "name"
) -> MultiTaskNetwork:
    """Build MTAN on SegNet; with one output it is the single-task attention network (STAN) of the paper's table.

    With filters 64-128-256-512-512 and outputs of 13, 1 and 3 channels it has 1.77 times the 24.98 M parameters
    of the paper's single SegNet. ``weights`` are of a VGG of the shared SegNet's encoder.
    """
    trunk = MtanTrunk(list(outputs), filters)
    network = initialise(MultiTaskNetwork(trunk, outputs, head))
    if weights:
        network.weights_read = trunk.segnet.read_vgg(Path(weights), match)
    return network
