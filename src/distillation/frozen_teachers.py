"""Frozen networks that only compute features and predictions."""

from collections.abc import Collection, Mapping
from typing import Literal, Self, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional

from src.distillation.folding import fold_batchnorm
from src.foundation.errors import UserError
from src.models.base import Features, MultiTaskNetwork

BatchNormMode = Literal["eval", "batch"]
Size = tuple[int, int]


class FrozenTeachers(nn.Module):
    """Frozen networks by name, which ``train()`` leaves in eval mode.

    Args:
        networks: the trained networks; that of a task has the task's name. One that stands under several names, a
            proxy teacher, runs once for all of them.
        levels: for each, the levels that are aligned; nothing beyond the deepest of them is computed.
        batchnorm: ``eval`` uses the running statistics, folded into convolutions; ``batch`` uses each batch's own
            and leaves the running ones alone, as the released KD4MTL code does, which never calls eval().
        sizes: height and width to which a teacher's images are resized, where they are not the student's.

    Raises:
        UserError: an unknown mode, or a level that a teacher lacks.
    """

    def __init__(
        self,
        networks: Mapping[str, MultiTaskNetwork],
        levels: Mapping[str, Collection[str]],
        batchnorm: BatchNormMode = "eval",
        sizes: Mapping[str, Size] | None = None,
    ) -> None:
        super().__init__()
        if batchnorm not in get_args(BatchNormMode):
            raise UserError(f"teacher_batchnorm={batchnorm} is unknown", f"choose one of {get_args(BatchNormMode)}")
        self.networks = nn.ModuleDict(networks)
        self.levels = {name: set(levels[name]) for name in networks}
        self.until = {name: _deepest(network, levels[name]) for name, network in networks.items()}
        self.sizes = dict(sizes or {})
        self.predicted = {name for name, network in networks.items() if name in network.heads}
        """Names of the teachers with a head for the task of that name."""
        if batchnorm == "batch":
            _use_batch_statistics(self)
        else:
            fold_batchnorm(self)
        self.requires_grad_(False)
        self.train(False)

    def train(self, mode: bool = True) -> Self:
        """Stay in eval mode."""
        return super().train(False)

    @torch.no_grad()
    def forward(self, image: Tensor) -> dict[str, Features]:
        """Map images (N, 3, H, W) to each teacher's features; no head runs."""
        return self.features_and_outputs(image)[0]

    @torch.no_grad()
    def features_and_outputs(
        self, image: Tensor, tasks: Collection[str] = (), among: Collection[str] | None = None
    ) -> tuple[dict[str, Features], dict[str, Tensor]]:
        """Map images (N, 3, H, W) to features, and to the raw output (N, channels, H, W) of each of ``tasks``.

        ``among`` names the teachers to run; None runs all. A teacher with neither an aligned level nor a task in
        ``tasks`` is left out.
        """
        features: dict[str, Features] = {}
        raw: dict[str, Tensor] = {}
        asked = [name for name in self.networks if among is None or name in among]
        for names in self._by_network([name for name in asked if self.until[name] is not None or name in tasks]):
            network, predicted = self.networks[names[0]], [name for name in names if name in tasks]
            assert isinstance(network, MultiTaskNetwork)
            until = None if predicted else _deepest(network, [str(self.until[name]) for name in names])
            found = network.features(self._resized(names[0], image), until)
            features |= dict.fromkeys(names, found)
            if predicted:
                raw |= network.predict(found, (image.shape[-2], image.shape[-1]), predicted)
        return {name: features[name] for name in asked if name in features}, raw

    def _by_network(self, names: Collection[str]) -> list[list[str]]:
        """Group names whose teacher is the same network on images of the same size."""
        groups: dict[tuple[int, Size | None], list[str]] = {}
        for name in names:
            groups.setdefault((id(self.networks[name]), self.sizes.get(name)), []).append(name)
        return list(groups.values())

    def _resized(self, name: str, image: Tensor) -> Tensor:
        size = self.sizes.get(name)
        if size is None or tuple(image.shape[-2:]) == tuple(size):
            return image
        return functional.interpolate(image, size, mode="bilinear", align_corners=False, antialias=True)


def _deepest(network: MultiTaskNetwork, levels: Collection[str]) -> str | None:
    for level in levels:
        network.check_level(level)
    return next((level for level in reversed(network.trunk.channels) if level in levels), None)


def _use_batch_statistics(module: nn.Module) -> None:
    """Remove the running statistics, so that BatchNorm normalises by the batch even in eval mode."""
    for layer in module.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.track_running_stats = False
            layer.running_mean = layer.running_var = layer.num_batches_tracked = None
