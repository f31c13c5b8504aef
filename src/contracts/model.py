"""The contract of a network: its feature levels and its heads."""

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
"""Height and width of images; the next larger multiples of the divisor are taken."""
ROUNDING = 1e-3


class ModelSubject:
    """A network, how it is built, and images of a size that it takes."""

    def __init__(self, build: Callable[[Mapping[str, int]], MultiTaskNetwork]) -> None:
        self.build = build
        self.network = self.fresh()

    def fresh(self) -> MultiTaskNetwork:
        """Build the network again, for three tasks."""
        return self.build(OUTPUTS)

    def size(self, steps: int = 0) -> tuple[int, int]:
        """Return the height and width of images: multiples of the divisor, ``steps`` larger, or the only ones."""
        if self.network.trunk.only_size:
            return self.network.trunk.only_size
        divisor = self.network.trunk.divisor
        height, width = (-(-least // divisor) * divisor + steps * divisor for least in LEAST)
        return height, width

    @cached_property
    def image(self) -> Tensor:
        """Images (N, 3, H, W)."""
        return torch.randn(IMAGES, 3, *self.size())


def _build(config: Mapping[str, Any]) -> ModelSubject:
    return ModelSubject(lambda outputs: build_network(config, outputs))


MODEL = Contract(_build, build_network)


@MODEL.property(Trunk, required=True)
def declares(subject: ModelSubject) -> str:
    """It is a MultiTaskNetwork whose trunk declares the channels of its levels and a divisor"""
    network = subject.network
    expect(isinstance(network, MultiTaskNetwork), f"it is a {type(network).__name__}, not a MultiTaskNetwork")
    trunk = network.trunk
    expect(isinstance(trunk, Trunk), f"the trunk is a {type(trunk).__name__}, not a Trunk")
    expect(isinstance(trunk.divisor, int) and trunk.divisor >= 1, f"divisor is {trunk.divisor!r}")
    expect(list(network.heads) == list(OUTPUTS), f"heads: {', '.join(network.heads)}; asked for: {', '.join(OUTPUTS)}")
    return f"divisor {trunk.divisor}; {', '.join(f'{level} {width}' for level, width in trunk.channels.items())}"


@MODEL.property(Trunk.forward, required=True)
def features_are_as_declared(subject: ModelSubject) -> None:
    """features() returns every declared level, in the declared order, with the declared channels"""
    trunk, features = subject.network.trunk, subject.network.features(subject.image)
    found = levels_of(features)
    expect(found == list(trunk.channels), f"found: {', '.join(found)}; declared: {', '.join(trunk.channels)}")
    for level, width in trunk.channels.items():
        for task in OUTPUTS:
            feature = feature_of(features, level, task)
            expect(feature.ndim == 4 and feature.shape[:2] == (IMAGES, width), f"{level} is {described(feature)}")
            expect_finite(feature, level)


def levels_of(features: Features) -> list[str]:
    """Return the levels of features; several tasks may have one each at a level."""
    return list(dict.fromkeys(key.split("/")[0] for key in features))


@MODEL.property(MultiTaskNetwork.forward, required=True)
def heads_fill_the_image(subject: ModelSubject) -> None:
    """Heads return (N, channels, H, W) for images whose height and width are multiples of the divisor"""
    for steps in (0, 1):
        height, width = subject.size(steps)
        raw = subject.network(torch.randn(IMAGES, 3, height, width))
        for task, channels in OUTPUTS.items():
            expect_shape(raw[task], (IMAGES, channels, height, width), f"{task} of images of {height}x{width}")


@MODEL.property(MultiTaskNetwork)
def single_task(subject: ModelSubject) -> None:
    """It can be built for a single task"""
    raw = subject.build({"depth": 1})(subject.image)
    expect(list(raw) == ["depth"], f"its heads are {', '.join(raw)}")
    expect_shape(raw["depth"], (IMAGES, 1, *subject.size()), "its output")


@MODEL.property(Trunk.forward)
def until_is_the_last_level(subject: ModelSubject) -> None:
    """features(until=level) returns the same features up to that level, and computes nothing beyond"""
    network, levels = subject.network.eval(), list(subject.network.trunk.channels)
    with torch.no_grad():
        every = network.features(subject.image)
    for number, level in enumerate(levels[:-1]):
        with _layers_that_run(network) as ran:
            features = network.features(subject.image, level)
        known = levels[: number + 1]
        found = levels_of(features)
        expect(found == known, f"until={level} returns {', '.join(found)}")
        for key, feature in features.items():
            expect_equal(feature, every[key], f"{key} under until={level}", ROUNDING)
        vain = _in_vain(ran, list(features.values()))
        expect(not vain, f"until={level} runs {listed(vain)}, which nothing that it returns depends on")


@contextmanager
def _layers_that_run(network: MultiTaskNetwork) -> Iterator[dict[str, nn.Module]]:
    """Collect the layers with parameters that run, by name."""
    ran: dict[str, nn.Module] = {}
    layers = {name: layer for name, layer in network.named_modules() if list(layer.parameters(recurse=False))}
    handles = [
        layer.register_forward_hook(lambda layer, *_, name=name: ran.update({name: layer}))  # type: ignore[misc]
        for name, layer in layers.items()
    ]
    try:
        yield ran
    finally:
        for handle in handles:
            handle.remove()


def _in_vain(ran: Mapping[str, nn.Module], features: list[Tensor]) -> list[str]:
    """Return the names of layers that ran although no feature depends on them."""
    owners = {p: name for name, layer in ran.items() for p in layer.parameters(recurse=False) if p.requires_grad}
    total = torch.stack([feature.sum() for feature in features]).sum()
    found = torch.autograd.grad(total, list(owners), allow_unused=True)
    serving = {name for name, gradient in zip(owners.values(), found, strict=True) if gradient is not None}
    return [name for name in dict.fromkeys(owners.values()) if name not in serving]
