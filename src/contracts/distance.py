"""The contract of a distance."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor

from src.contracts.base import Contract, DoesNotApplyError
from src.contracts.expectations import expect, expect_gradients, expect_scalar, trained
from src.distillation.distances.precision import DISTANCES, InFloat32

SHAPE = (3, 6, 5, 7)
ROUNDING = 1e-5


class DistanceInHand:
    """A way to build a distance."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self.fresh = partial(_build_distance, config)
        self.distance = self.fresh()


def _build_distance(config: Mapping[str, Any]) -> InFloat32:
    """Build it as the alignment does."""
    return InFloat32(DISTANCES.bind(config))


DISTANCE = Contract(DistanceInHand, InFloat32)


def _features() -> tuple[Tensor, Tensor]:
    """Draw an adapted and a teacher's feature as ReLUs leave them, with a pixel and a channel of zeros."""
    adapted, teacher = torch.randn(SHAPE).relu(), torch.randn(SHAPE).relu()
    for feature in (adapted, teacher):
        feature[0, :, 0, 0] = feature[:, 1] = 0
    return adapted, teacher


@DISTANCE.states(InFloat32.forward, needed=True)
def scalar(part: DistanceInHand) -> None:
    """It is a finite float32 scalar, of the whole batch"""
    expect_scalar(part.distance(*_features()), "the distance")


@DISTANCE.states(InFloat32.forward)
def not_negative(part: DistanceInHand) -> None:
    """It is never negative, whatever the size of the features"""
    adapted, teacher = _features()
    for scale in (1.0, 1e3, 1e-3):
        distance = expect_scalar(part.distance(adapted * scale, teacher), f"of a feature {scale:g} times as large, it")
        expect(distance >= 0, f"it is {distance.item():.4g} where the adapted feature is {scale:g} times as large")


@DISTANCE.states(InFloat32.forward, note=True)
def zero_for_the_same(part: DistanceInHand) -> None:
    """It is 0 between a feature and itself"""
    feature = torch.randn(SHAPE)
    distance = part.distance(feature, feature.clone())
    expect(distance.abs() <= ROUNDING, f"it is {distance.item():.4g}")


@DISTANCE.states(InFloat32.forward)
def gradient_of_the_adapted_side(part: DistanceInHand) -> None:
    """The adapted feature gets a finite gradient, where both are equal or 0 too; the teacher's needs none"""
    adapted, teacher = _features()
    for what, one, other in (
        ("two features", adapted, teacher), ("a feature and itself", adapted, adapted.clone()),
        ("a feature of zeros and another", torch.zeros(SHAPE), teacher),
    ):  # fmt: skip
        side = one.clone().requires_grad_()
        gradients = expect_gradients(part.distance(side, other), {f"the adapted side of {what}": side})
        expect(what != "two features" or any(g.any() for g in gradients.values()), "the gradient is 0")


@DISTANCE.states(InFloat32)
def half_precision(part: DistanceInHand) -> None:
    """It takes bfloat16 features, and is float32 with finite gradients"""
    adapted, teacher = (feature.bfloat16() for feature in _features())
    adapted.requires_grad_()
    expect_gradients(expect_scalar(part.distance(adapted, teacher), "it"), {"the adapted side": adapted})


@DISTANCE.states(InFloat32.forward)
def features_are_left_alone(part: DistanceInHand) -> None:
    """It leaves both features as they were"""
    sides = _features()
    before = [side.clone() for side in sides]
    part.distance(*sides)
    for what, side, copy in zip(("adapted", "teacher's"), sides, before, strict=True):
        expect(torch.equal(side, copy), f"the {what} feature is another afterwards")


@DISTANCE.states(InFloat32)
def parameters_have_gradients(part: DistanceInHand) -> str:
    """Parameters of its own get finite gradients"""
    distance = part.fresh()
    if not (own := trained(distance)):
        raise DoesNotApplyError("it has none")
    expect_gradients(distance(*_features()), own)
    return f"{len(own)} of them"
