"""Mistakes in distances and adaptors are found and told."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from src.distillation.adaptors.base import ADAPTORS
from src.distillation.distances.base import DISTANCES
from tests.contracts.findings import broken, check


@DISTANCES.register()
def huber(adapted: Tensor, teacher: Tensor, beta: float = 1.0) -> Tensor:
    return functional.smooth_l1_loss(adapted, teacher, beta=beta)


@DISTANCES.register()
class Learned(nn.Module):
    def __init__(self, unused: bool = False) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))
        self.extra = nn.Parameter(torch.ones(())) if unused else None

    def forward(self, adapted: Tensor, teacher: Tensor) -> Tensor:
        return (self.scale * (adapted - teacher)).square().mean()


@DISTANCES.register()
def map_of_distances(adapted: Tensor, teacher: Tensor) -> Tensor:
    return (adapted - teacher).square().mean(1)


@DISTANCES.register()
def similarity(adapted: Tensor, teacher: Tensor) -> Tensor:
    return -functional.cosine_similarity(adapted, teacher).mean()


@DISTANCES.register()
def euclidean(adapted: Tensor, teacher: Tensor) -> Tensor:
    return (adapted - teacher).square().sum(1).sqrt().mean()


@DISTANCES.register()
def logarithmic(adapted: Tensor, teacher: Tensor) -> Tensor:
    return (adapted.log() - teacher.log()).abs().mean()


@DISTANCES.register()
def towards_the_student(adapted: Tensor, teacher: Tensor) -> Tensor:
    return (adapted.detach() - teacher).square().mean()


@DISTANCES.register()
def in_place(adapted: Tensor, teacher: Tensor) -> Tensor:
    return (adapted - teacher.mul_(2)).square().mean()


@DISTANCES.register()
def of_one_argument(adapted: Tensor) -> Tensor:
    return adapted.square().mean()


@pytest.mark.parametrize("options", [{"target": "huber", "beta": 0.5}, {"target": "learned"}])
def test_distances_of_ones_own_hold(options: dict[str, object]) -> None:
    assert broken("distance", f"{__name__}.{options.pop('target')}", **options) == {}


@pytest.mark.parametrize(
    ("name", "seen"),
    [
        ("map_of_distances", {"scalar": "(3, 5, 7) numbers, not one"}),
        ("similarity", {"not_negative": "the distance of an adapted feature scaled by 1 is -0."}),
        (
            "euclidean",
            {"gradient_of_the_adapted_side": "side of two features is NaN", "half_precision": ""},
        ),
        ("logarithmic", {"scalar": "the distance is nan"}),
        (
            "towards_the_student",
            {"gradient_of_the_adapted_side": "(no graph)", "half_precision": "(no graph)"},
        ),
        ("in_place", {"features_are_left_alone": "the teacher's feature was changed"}),
        ("of_one_argument", {"scalar": "raised TypeError: "}),
    ],
)
def test_a_mistake_in_a_distance_is_told(name: str, seen: dict[str, str]) -> None:
    found = broken("distance", f"{__name__}.{name}")
    assert set(found) == set(seen)
    for key, words in seen.items():
        assert words in found[key], found[key]


def test_a_parameter_that_is_not_used_is_named() -> None:
    found = broken("distance", f"{__name__}.learned", unused=True)
    assert found == {"parameters_have_gradients": "no gradient with respect to distance.extra"}


def test_a_distance_that_is_not_0_for_the_same_is_a_note() -> None:
    notes = {f.name: f.verdict for f in check("distance", f"{__name__}.similarity")}
    assert notes["zero_for_the_same"] == "note"


@ADAPTORS.register()
def strided(channels_in: int, channels_out: int) -> nn.Module:
    return nn.Conv2d(channels_in, channels_out, 3, stride=2, padding=1)


@ADAPTORS.register()
def of_wrong_width(channels_in: int, channels_out: int) -> nn.Module:
    return nn.Conv2d(channels_in, channels_in, 1)


@ADAPTORS.register()
def writing_into_the_feature(channels_in: int, channels_out: int) -> nn.Module:
    return nn.Sequential(nn.ReLU(inplace=True), nn.Conv2d(channels_in, channels_out, 1))


@ADAPTORS.register()
class Idle(nn.Module):
    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.layer = nn.Conv2d(channels_in, channels_out, 1)
        self.idle = nn.Linear(2, 2)

    def forward(self, feature: Tensor) -> Tensor:
        return self.layer(feature)


@ADAPTORS.register()
class Rooted(nn.Module):
    """It has no finite gradient at a pixel of zeros."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.layer = nn.Conv2d(channels_in, channels_out, 1)

    def forward(self, feature: Tensor) -> Tensor:
        return self.layer(feature) * feature.square().sum(1, keepdim=True).sqrt()


@ADAPTORS.register()
class Forgetful(nn.Module):
    """Its matrix is neither a parameter nor a buffer."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))
        self.matrix = torch.randn(channels_out, channels_in, 1, 1)

    def forward(self, feature: Tensor) -> Tensor:
        return functional.conv2d(feature, self.scale * self.matrix.to(feature.dtype))


@pytest.mark.parametrize(
    ("name", "seen"),
    [
        ("strided", {"equal_widths": "float32 (3, 8, 3, 4), not (3, 8, 6, 7)"}),
        ("of_wrong_width", {"other_widths": "is float32 (3, 8, 6, 7), not (3, 5, 6, 7)"}),
        ("idle", {"every_parameter_has_a_gradient": "no gradient with respect to semantic.idle.weight"}),
        ("rooted", {"every_parameter_has_a_gradient": "is NaN or infinite"}),
        ("forgetful", {"saves_and_restores": "values differ"}),
    ],
)
def test_a_mistake_in_an_adaptor_is_told(name: str, seen: dict[str, str]) -> None:
    found = broken("adaptor", f"{__name__}.{name}")
    assert set(found) == set(seen), found
    for key, words in seen.items():
        assert words in found[key], found[key]


def test_an_adaptor_that_writes_into_the_feature_is_found() -> None:
    assert "feature_is_left_alone" in broken("adaptor", f"{__name__}.writing_into_the_feature")
