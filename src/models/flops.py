"""The cost of running a network, counted without running it."""

from collections.abc import Collection, Mapping
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from src.models.base import build_network


def forward_flops(
    model: Mapping[str, Any], outputs: Mapping[str, int], size: tuple[int, int], levels: Collection[str] | None = None
) -> int:
    """Count floating-point operations of a forward pass for one image of ``size`` (H, W), two per multiply-add.

    Args:
        model: the network's configuration.
        outputs: channels of each task's head.
        size: height and width.
        levels: levels whose features alone are computed; None counts the whole network.
    """
    with torch.random.fork_rng(devices=[]):  # built with numbers, as smp's MiT needs some of them while it is built
        network = build_network(model, outputs, pretrained=False).eval().to("meta")
    image = torch.empty(1, 3, *size, device="meta")
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        if levels is None:
            network(image)
        else:
            network.features(image, next(level for level in reversed(network.trunk.channels) if level in levels))
    return counter.get_total_flops()
