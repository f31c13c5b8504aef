"""BatchNorm layers that would see a single value per channel."""

import copy
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from src.foundation.errors import UserError


def refuse_single_values(network: nn.Module, size: tuple[int, int], who: str = "this network") -> None:
    """Raise UserError if a BatchNorm layer has one value per channel for one image of ``size`` (H, W).

    Only layers count that normalise by the batch's statistics: those in training mode or without running ones. A copy
    of the network runs without numbers, on the meta device.
    """

    def refuse(name: str, layer: _BatchNorm, value: Tensor) -> None:
        by_batch = layer.training or layer.running_mean is None
        if by_batch and value.numel() == value.shape[1]:
            raise UserError(
                f"{who} cannot learn from batches of one image of {size[0]}x{size[1]}",
                f"its layer {name} is a BatchNorm over 1x1 positions: one value per channel has no variance",
                "dataset.batch_size=2",
            )

    def hook(name: str) -> Any:
        return lambda layer, given: refuse(name, layer, given[0])

    with torch.random.fork_rng(devices=[]):  # what is drawn here changes nothing that is drawn later
        shapes: Any = copy.deepcopy(network).to("meta")
        for name, layer in shapes.named_modules():
            if isinstance(layer, _BatchNorm):
                layer.register_forward_pre_hook(hook(name))
        shapes(torch.empty(1, 3, *size, device="meta"))
