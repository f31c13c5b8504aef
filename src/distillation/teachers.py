"""Single-task networks that are frozen and only ever asked for features."""

from collections.abc import Mapping
from typing import Literal, Self, get_args

import torch
from torch import Tensor, nn

from src.errors import UserError
from src.models.base import Features, MultiTaskNetwork

BatchNormMode = Literal["eval", "batch"]


class FrozenTeachers(nn.Module):
    """One frozen network per task, in eval mode whatever ``train()`` says.

    Args:
        networks: the trained single-task networks by task.
        levels: the levels that are aligned; nothing beyond the deepest of them is computed.
        batchnorm: ``eval`` uses the running statistics; ``batch`` uses each batch's own and leaves the
            running ones alone, as the released KD4MTL code does, which never calls eval().
    """

    def __init__(
        self, networks: Mapping[str, MultiTaskNetwork], levels: set[str], batchnorm: BatchNormMode = "eval"
    ) -> None:
        super().__init__()
        if batchnorm not in get_args(BatchNormMode):
            raise UserError(f"teacher_batchnorm={batchnorm} is unknown", f"choose one of {get_args(BatchNormMode)}")
        self.networks = nn.ModuleDict(networks)
        self.until = {task: _deepest(network, levels) for task, network in networks.items()}
        self.requires_grad_(False)
        if batchnorm == "batch":
            _use_batch_statistics(self)
        self.train(False)

    def train(self, mode: bool = True) -> Self:
        """Stay in eval mode."""
        return super().train(False)

    @torch.no_grad()
    def forward(self, image: Tensor) -> dict[str, Features]:
        """Map images (N, 3, H, W) to the features of each task's teacher; no head runs."""
        return {
            task: network.features(image, self.until[task])  # type: ignore[operator]
            for task, network in self.networks.items()
        }


def _deepest(network: MultiTaskNetwork, levels: set[str]) -> str:
    for level in levels:
        network.check_level(level)
    return [level for level in network.trunk.channels if level in levels][-1]


def _use_batch_statistics(module: nn.Module) -> None:
    """Take the running statistics away, so that BatchNorm normalises by the batch even in eval mode."""
    for layer in module.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.track_running_stats = False
            layer.running_mean = layer.running_var = layer.num_batches_tracked = None
