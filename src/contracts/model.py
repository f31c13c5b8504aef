"""The contract of a network: its levels, its heads and what is computed for them."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from src.contracts.base import Contract
from src.contracts.expectations import described, expect, expect_equal, expect_finite, expect_shape, listed
from src.contracts.samples import CLASSES, IMAGES
from src.models.base import Features, MultiTaskNetwork, Trunk, build_network, feature_of

OUTPUTS = {"semantic": CLASSES, "depth": 1, "normal": 3}
LEAST = (32, 64)
"""Height and width of images, or the next larger that a network takes."""
ROUNDING = 1e-3


class NetworkInHand:
    """A way to build a network, and images that fit it."""

    def __init__(self, build: Callable[[Mapping[str, int]], MultiTaskNetwork]) -> None:
        self.build = build
        self.network = self.fresh()

    def fresh(self) -> MultiTaskNetwork:
        """Build the network for three tasks."""
        return self.build(OUTPUTS)

    def size(self, steps: int = 0) -> tuple[int, int]:
        """Give the height and width of images, a multiple of the divisor; larger by so many divisors."""
        divisor = self.network.trunk.divisor
        height, width = (-(-least // divisor) * divisor + steps * divisor for least in LEAST)
        return height, width

    @cached_property
    def image(self) -> Tensor:
        """Images (N, 3, H, W)."""
        return torch.randn(IMAGES, 3, *self.size())


def _build(config: Mapping[str, Any]) -> NetworkInHand:
    return NetworkInHand(lambda outputs: build_network(config, outputs))


MODEL = Contract(_build, build_network)


@MODEL.states(Trunk, needed=True)
def declares(part: NetworkInHand) -> str:
    """It is a MultiTaskNetwork whose trunk declares the channels of its levels and a divisor"""
    network = part.network
    expect(isinstance(network, MultiTaskNetwork), f"it is a {type(network).__name__}")
    trunk = network.trunk
    expect(isinstance(trunk, Trunk), f"the trunk is a {type(trunk).__name__}, which is no Trunk")
    expect(isinstance(trunk.divisor, int) and trunk.divisor >= 1, f"divisor is {trunk.divisor!r}")
    expect(list(network.heads) == list(OUTPUTS), f"heads: {', '.join(network.heads)}; asked for: {', '.join(OUTPUTS)}")
    return f"divisor {trunk.divisor}; {', '.join(f'{level} {width}' for level, width in trunk.channels.items())}"


@MODEL.states(Trunk.forward, needed=True)
def features_are_as_declared(part: NetworkInHand) -> None:
    """features() has every level, in the declared order, with the declared channels, for every task"""
    trunk, features = part.network.trunk, part.network.features(part.image)
    found = levels_of(features)
    expect(found == list(trunk.channels), f"found: {', '.join(found)}; declared: {', '.join(trunk.channels)}")
    for level, width in trunk.channels.items():
        for task in OUTPUTS:
            feature = feature_of(features, level, task)
            expect(feature.ndim == 4 and feature.shape[:2] == (IMAGES, width), f"{level} is {described(feature)}")
            expect_finite(feature, level)


def levels_of(features: Features) -> list[str]:
    """List the levels in features, which may be each task's own."""
    return list(dict.fromkeys(key.split("/")[0] for key in features))


@MODEL.states(MultiTaskNetwork.forward, needed=True)
def heads_fill_the_image(part: NetworkInHand) -> None:
    """Heads give (N, channels, H, W) for images whose height and width are multiples of the divisor"""
    for steps in (0, 1):
        height, width = part.size(steps)
        raw = part.network(torch.randn(IMAGES, 3, height, width))
        for task, channels in OUTPUTS.items():
            expect_shape(raw[task], (IMAGES, channels, height, width), f"{task} of images of {height}x{width}")


@MODEL.states(MultiTaskNetwork)
def single_task(part: NetworkInHand) -> None:
    """It is built for a single task too"""
    raw = part.build({"depth": 1})(part.image)
    expect(list(raw) == ["depth"], f"its heads are {', '.join(raw)}")
    expect_shape(raw["depth"], (IMAGES, 1, *part.size()), "its output")


@MODEL.states(Trunk.forward)
def until_is_the_last_level(part: NetworkInHand) -> None:
    """features(until=level) computes that level and those before it as ever, and nothing beyond"""
    network, levels = part.network.eval(), list(part.network.trunk.channels)
    with torch.no_grad():
        every = network.features(part.image)
    for number, level in enumerate(levels[:-1]):
        with _layers_that_run(network) as ran:
            features = network.features(part.image, level)
        known = levels[: number + 1]
        found = levels_of(features)
        expect(found == known, f"until={level} gives {', '.join(found)}")
        for key, feature in features.items():
            expect_equal(feature, every[key], f"{key} under until={level}", ROUNDING)
        vain = _in_vain(ran, list(features.values()))
        expect(not vain, f"until={level} runs {listed(vain)} for nothing")


@contextmanager
def _layers_that_run(network: MultiTaskNetwork) -> Iterator[dict[str, nn.Module]]:
    """Collect the layers with parameters of their own that run, by name."""
    ran: dict[str, nn.Module] = {}
    layers = {name: layer for name, layer in network.named_modules() if list(layer.parameters(recurse=False))}
    handles = [
        layer.register_forward_hook(lambda layer, *_, name=name: ran.update({name: layer}))  # type: ignore[misc]
        for name, layer in layers.items()
    ]
    yield ran
    for handle in handles:
        handle.remove()


def _in_vain(ran: Mapping[str, nn.Module], features: list[Tensor]) -> list[str]:
    """List the layers that ran although no feature depends on them."""
    owners = {p: name for name, layer in ran.items() for p in layer.parameters(recurse=False) if p.requires_grad}
    total = torch.stack([feature.sum() for feature in features]).sum()
    found = torch.autograd.grad(total, list(owners), allow_unused=True)
    serving = {name for name, gradient in zip(owners.values(), found, strict=True) if gradient is not None}
    return [name for name in dict.fromkeys(owners.values()) if name not in serving]
