"""The contract of an adaptor."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from src.contracts.base import Contract
from src.contracts.expectations import (
    expect,
    expect_equal,
    expect_finite,
    expect_gradients,
    expect_shape,
    through_a_file,
    trained,
)
from src.distillation.adaptors.base import ADAPTORS, BuildAdaptor, SharedAdaptor, adaptors_of_level
from src.distillation.alignment import Alignment
from src.distillation.base import Distillation
from src.foundation.errors import UserError

TEACHERS = ("semantic", "depth")
WIDTH, OTHERS = 8, (5, 12)
FEATURE = (3, WIDTH, 6, 7)


class AdaptorSubject:
    """How adaptors are built."""

    def __init__(self, build: BuildAdaptor | SharedAdaptor) -> None:
        self.build = build

    def fresh(self, channels_out: int = WIDTH) -> nn.ModuleDict:
        """Build new adaptors for two teachers at one level."""
        return nn.ModuleDict(adaptors_of_level(self.build, WIDTH, dict.fromkeys(TEACHERS, channels_out)))


def _build(config: Mapping[str, Any]) -> AdaptorSubject:
    subject = AdaptorSubject(ADAPTORS.bind(config))
    subject.fresh()
    return subject


ADAPTOR = Contract(_build, adaptors_of_level)


def _expect_maps(adaptors: nn.ModuleDict, channels_out: int) -> None:
    for teacher, adaptor in adaptors.items():
        for height, width in ((6, 7), (1, 2)):
            adapted = adaptor(torch.randn(3, WIDTH, height, width))
            what = f"for {teacher}, a feature of {WIDTH} channels at {height}x{width}"
            expect_shape(adapted, (3, channels_out, height, width), what)
            expect_finite(adapted, what)


@ADAPTOR.property(adaptors_of_level, required=True)
def equal_widths(subject: AdaptorSubject) -> None:
    """It maps (N, C, H, W) to (N, C, H, W) for any height and width"""
    adaptors = subject.fresh()
    expect(set(adaptors) == set(TEACHERS), f"it builds adaptors for {', '.join(adaptors)}, not {', '.join(TEACHERS)}")
    _expect_maps(adaptors, WIDTH)


@ADAPTOR.property(adaptors_of_level)
def other_widths(subject: AdaptorSubject) -> str:
    """It maps (N, C, H, W) to (N, C', H, W), or refuses a different width with a UserError"""
    for width in OTHERS:
        try:
            adaptors = subject.fresh(width)
        except UserError as error:
            return f"refused: {error.what}"
        _expect_maps(adaptors, width)
    return ""


@ADAPTOR.property(Distillation.auxiliary_parameters)
def every_parameter_has_a_gradient(subject: AdaptorSubject) -> None:
    """Every parameter and the feature, with pixels of zeros, get finite gradients"""
    adaptors, feature = subject.fresh().train(), torch.randn(FEATURE).relu()
    feature[0, :, 0, 0] = 0
    feature.requires_grad_()
    total = torch.stack([(adaptor(feature) - 1).square().mean() for adaptor in adaptors.values()]).sum()
    expect_gradients(total, {"the feature": feature} | trained(adaptors))


@ADAPTOR.property(Alignment)
def feature_is_left_alone(subject: AdaptorSubject) -> None:
    """It does not change the student's feature in place, since heads use it too"""
    feature = torch.randn(FEATURE)
    before = feature.clone()
    for adaptor in subject.fresh().values():
        adaptor(feature)
    expect_equal(feature, before, "the feature before and after")


@ADAPTOR.property(Alignment)
def mixed_precision(subject: AdaptorSubject) -> None:
    """It works under autocast with bfloat16 features"""
    for adaptor in subject.fresh().values():
        with torch.autocast("cpu", torch.bfloat16):
            adapted = adaptor(torch.randn(FEATURE).bfloat16())
        expect_shape(adapted, FEATURE, "the adapted feature")
        expect_finite(adapted, "the adapted feature")


@ADAPTOR.property(Alignment)
def saves_and_restores(subject: AdaptorSubject) -> None:
    """A new adaptor that loads its state_dict returns the same feature"""
    adaptors, restored, feature = subject.fresh(), subject.fresh(), torch.randn(FEATURE)
    for adaptor in adaptors.values():
        adaptor(feature)  # changes running statistics
    restored.load_state_dict(through_a_file(adaptors))
    for teacher in TEACHERS:
        expected = adaptors[teacher].eval()(feature)
        expect_equal(restored[teacher].eval()(feature), expected, f"the adapted feature for {teacher}")
