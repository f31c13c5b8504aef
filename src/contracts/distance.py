"""The contract of a distance."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor

from src.contracts.base import Contract, DoesNotApplyError
from src.contracts.expectations import expect, expect_gradients, expect_scalar, trained
from src.distillation.base import Distillation
from src.distillation.distances.base import DISTANCES, InFloat32

SHAPE = (3, 6, 5, 7)
ROUNDING = 1e-5


class DistanceSubject:
    """A distance and how it is built."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self.fresh = partial(_build_distance, config)
        self.distance = self.fresh()


def _build_distance(config: Mapping[str, Any]) -> InFloat32:
    """Build a distance as the alignment does."""
    return InFloat32(DISTANCES.bind(config))


DISTANCE = Contract(DistanceSubject, InFloat32)


def _features() -> tuple[Tensor, Tensor]:
    """Draw an adapted feature and a teacher's, not negative, with a pixel and a channel of zeros."""
    adapted, teacher = torch.randn(SHAPE).relu(), torch.randn(SHAPE).relu()
    for feature in (adapted, teacher):
        feature[0, :, 0, 0] = feature[:, 1] = 0
    return adapted, teacher


@DISTANCE.property(InFloat32.forward, required=True)
def scalar(subject: DistanceSubject) -> None:
    """It returns a finite float32 scalar for the whole batch"""
    expect_scalar(subject.distance(*_features()), "the distance")


@DISTANCE.property(InFloat32.forward)
def not_negative(subject: DistanceSubject) -> None:
    """It is not negative, for small and large features"""
    adapted, teacher = _features()
    for scale in (1.0, 1e3, 1e-3):
        what = f"the distance of an adapted feature scaled by {scale:g}"
        distance = expect_scalar(subject.distance(adapted * scale, teacher), what)
        expect(distance >= 0, f"{what} is {distance.item():.4g}")


@DISTANCE.property(InFloat32.forward, note=True)
def zero_for_the_same(subject: DistanceSubject) -> None:
    """It is 0 between equal features"""
    feature = torch.randn(SHAPE)
    distance = subject.distance(feature, feature.clone())
    expect(distance.abs() <= ROUNDING, f"it is {distance.item():.4g}")


@DISTANCE.property(InFloat32.forward)
def gradient_of_the_adapted_side(subject: DistanceSubject) -> None:
    """The adapted feature gets a finite gradient, also for equal features and features of zeros"""
    adapted, teacher = _features()
    for what, one, other in (
        ("two features", adapted, teacher), ("a feature and itself", adapted, adapted.clone()),
        ("zeros and a feature", torch.zeros(SHAPE), teacher),
    ):  # fmt: skip
        side = one.clone().requires_grad_()
        gradients = expect_gradients(subject.distance(side, other), {f"the adapted side of {what}": side})
        expect(what != "two features" or any(g.any() for g in gradients.values()), "the gradient is 0")


@DISTANCE.property(InFloat32)
def half_precision(subject: DistanceSubject) -> None:
    """Of bfloat16 features it returns float32, with finite gradients"""
    adapted, teacher = (feature.bfloat16() for feature in _features())
    adapted.requires_grad_()
    expect_gradients(expect_scalar(subject.distance(adapted, teacher), "it"), {"the adapted side": adapted})


@DISTANCE.property(InFloat32.forward)
def features_are_left_alone(subject: DistanceSubject) -> None:
    """It does not change the features in place"""
    sides = _features()
    before = [side.clone() for side in sides]
    subject.distance(*sides)
    for what, side, copy in zip(("adapted", "teacher's"), sides, before, strict=True):
        expect(torch.equal(side, copy), f"the {what} feature was changed")


@DISTANCE.property(Distillation.auxiliary_parameters)
def parameters_have_gradients(subject: DistanceSubject) -> str:
    """Its own parameters, if any, get finite gradients"""
    distance = subject.fresh()
    if not (own := trained(distance)):
        raise DoesNotApplyError("it has none")
    expect_gradients(distance(*_features()), own)
    return f"{len(own)} of them"
