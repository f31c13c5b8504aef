"""Mistakes in networks are found and told."""

from collections.abc import Mapping
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from src.models.base import MODELS, Features, MultiTaskNetwork, Trunk
from tests.contracts.findings import broken


class TwoLevels(Trunk):
    """A trunk as it should be; mistakes are made in what inherits from it."""

    divisor = 8

    def __init__(self) -> None:
        super().__init__()
        self.channels = {"encoder": 4, "decoder": 6}
        self.encoder = nn.Sequential(nn.Conv2d(3, 4, 3, stride=8, padding=1), nn.BatchNorm2d(4))
        self.decoder = nn.Conv2d(4, 6, 3, padding=1)

    def forward(self, image: Tensor, until: str | None = None) -> Features:
        features = {"encoder": self.encoder(image)}
        if until != "encoder":
            features["decoder"] = self.decoder(features["encoder"].relu())
        return features


def head(width: int, channels: int) -> nn.Module:
    return nn.Conv2d(width, channels, 1)


def network(kind: type[Trunk]) -> type[Trunk]:
    """Register a network with this trunk."""

    def build(outputs: Mapping[str, int]) -> MultiTaskNetwork:
        return MultiTaskNetwork(kind(), outputs, head)

    build.__module__ = __name__
    MODELS.register(kind.__name__)(build)
    return kind


network(TwoLevels)


@network
class Unused(TwoLevels):
    def __init__(self) -> None:
        super().__init__()
        self.auxiliary = nn.Conv2d(6, 2, 1)


@network
class Misdeclared(TwoLevels):
    def __init__(self) -> None:
        super().__init__()
        self.channels = {"encoder": 8, "decoder": 6}


@network
class OutOfOrder(TwoLevels):
    def forward(self, image: Tensor, until: str | None = None) -> Features:
        return dict(reversed(super().forward(image, until).items()))


@network
class NeverStops(TwoLevels):
    def forward(self, image: Tensor, until: str | None = None) -> Features:
        return super().forward(image)


@network
class WorksInVain(TwoLevels):
    def forward(self, image: Tensor, until: str | None = None) -> Features:
        features = super().forward(image)
        return features if until is None else {level: features[level] for level in ["encoder"]}


@network
class WritesIntoItsFeature(TwoLevels):
    def forward(self, image: Tensor, until: str | None = None) -> Features:
        features = {"encoder": self.encoder(image)}
        if until != "encoder":
            features["decoder"] = self.decoder(functional.relu(features["encoder"], inplace=True))
        return features


@network
class LiesAboutItsDivisor(TwoLevels):
    divisor = 4

    def forward(self, image: Tensor, until: str | None = None) -> Features:
        assert image.shape[-1] % 8 == 0, "the width is no multiple of 8"
        return super().forward(image, until)


@network
class AlwaysDrops(TwoLevels):
    def forward(self, image: Tensor, until: str | None = None) -> Features:
        return super().forward(functional.dropout(image, 0.5, training=True), until)


@network
class SeesTheBatch(TwoLevels):
    def forward(self, image: Tensor, until: str | None = None) -> Features:
        return super().forward(image - image.mean(), until)


@network
class Forgets(TwoLevels):
    def __init__(self) -> None:
        super().__init__()
        self.offset = torch.randn(3, 1, 1)

    def forward(self, image: Tensor, until: str | None = None) -> Features:
        return super().forward(image + self.offset, until)


@network
class SharesTooLittle(TwoLevels):
    def shared(self) -> nn.Module:
        return self.encoder


@network
class ChangesTheImage(TwoLevels):
    def forward(self, image: Tensor, until: str | None = None) -> Features:
        return super().forward(image.sub_(0.5), until)


@network
class Explodes(TwoLevels):
    def forward(self, image: Tensor, until: str | None = None) -> Features:
        features = super().forward(image, until)
        return {level: feature + (feature * 0).sqrt() for level, feature in features.items()}


@MODELS.register()
def of_the_first_task_only(outputs: Mapping[str, int]) -> MultiTaskNetwork:
    return MultiTaskNetwork(TwoLevels(), dict([next(iter(outputs.items()))]), head)


@MODELS.register()
def no_network(outputs: Mapping[str, int]) -> Any:
    return nn.Conv2d(3, 1, 1)


def test_a_network_of_ones_own_holds() -> None:
    assert broken("model", f"{__name__}.TwoLevels") == {}


@pytest.mark.parametrize(
    ("kind", "seen"),
    [
        (
            "Unused",
            {"every_parameter_has_a_gradient": "trunk.auxiliary.weight, trunk.auxiliary.bias are not used",
             "shared_are_those_of_all_tasks": "trunk.auxiliary.weight", "last_shared_layer": "no gradient from"},
        ),
        ("Misdeclared", {"features_are_as_declared": "encoder is float32 (3, 4, 4, 8)"}),
        ("OutOfOrder", {"features_are_as_declared": "found: decoder, encoder; declared: encoder, decoder"}),
        ("NeverStops", {"until_is_the_last_level": "until=encoder returns encoder, decoder"}),
        ("WorksInVain", {"until_is_the_last_level": "until=encoder runs trunk.decoder, which nothing"}),
        ("WritesIntoItsFeature", {"until_is_the_last_level": "encoder under until=encoder: "}),
        ("LiesAboutItsDivisor", {"heads_fill_the_image": "raised AssertionError: the width is no"}),
        ("AlwaysDrops", {"evaluation_is_the_same_every_time": "semantic in two passes: ", "saves_and_restores": "",
                         "until_is_the_last_level": ""}),
        ("SeesTheBatch", {"evaluation_is_the_same_every_time": "semantic of an image with and without others: "}),
        ("Forgets", {"saves_and_restores": "semantic: "}),
        ("SharesTooLittle", {"shared_are_those_of_all_tasks": "trunk.decoder.weight, trunk.decoder.bias does"}),
        ("Explodes", {"every_parameter_has_a_gradient": "is NaN or infinite"}),
        ("of_the_first_task_only", {"declares": "heads: semantic; asked for: semantic, depth, normal"}),
        ("no_network", {"declares": "it is a Conv2d"}),
    ],
)  # fmt: skip
def test_a_mistake_in_a_network_is_told(kind: str, seen: dict[str, str]) -> None:
    found = broken("model", f"{__name__}.{kind}")
    assert set(found) == set(seen), found
    for key, words in seen.items():
        assert words in found[key], found[key]


def test_a_network_that_changes_the_image_is_found() -> None:
    assert "image_is_left_alone" in broken("model", f"{__name__}.ChangesTheImage")
