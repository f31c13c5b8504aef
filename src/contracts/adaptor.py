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
from src.foundation.errors import UserError

TEACHERS = ("semantic", "depth")
WIDTH, OTHERS = 8, (5, 12)
FEATURE = (3, WIDTH, 6, 7)


class AdaptorInHand:
    """A way to build adaptors, alone or together."""

    def __init__(self, build: BuildAdaptor | SharedAdaptor) -> None:
        self.build = build

    def fresh(self, channels_out: int = WIDTH) -> nn.ModuleDict:
        """Build the adaptors of two teachers at one level."""
        return nn.ModuleDict(adaptors_of_level(self.build, WIDTH, dict.fromkeys(TEACHERS, channels_out)))


def _build(config: Mapping[str, Any]) -> AdaptorInHand:
    part = AdaptorInHand(ADAPTORS.bind(config))
    part.fresh()
    return part


ADAPTOR = Contract(_build, adaptors_of_level)


def _expect_maps(adaptors: nn.ModuleDict, channels_out: int) -> None:
    for teacher, adaptor in adaptors.items():
        for height, width in ((6, 7), (1, 2)):
            adapted = adaptor(torch.randn(3, WIDTH, height, width))
            what = f"for {teacher}, a feature of {WIDTH} channels at {height}x{width}"
            expect_shape(adapted, (3, channels_out, height, width), what)
            expect_finite(adapted, what)


@ADAPTOR.states(adaptors_of_level, needed=True)
def equal_widths(part: AdaptorInHand) -> None:
    """It maps (N, C, H, W) to (N, C, H, W), of any height and width"""
    adaptors = part.fresh()
    expect(set(adaptors) == set(TEACHERS), f"it builds adaptors of {', '.join(adaptors)} for {', '.join(TEACHERS)}")
    _expect_maps(adaptors, WIDTH)


@ADAPTOR.states(adaptors_of_level)
def other_widths(part: AdaptorInHand) -> str:
    """It maps (N, C, H, W) to (N, C', H, W), or refuses other widths with a UserError"""
    for width in OTHERS:
        try:
            adaptors = part.fresh(width)
        except UserError as error:
            return f"refused: {error.what}"
        _expect_maps(adaptors, width)
    return ""


@ADAPTOR.states(Alignment)
def every_parameter_has_a_gradient(part: AdaptorInHand) -> None:
    """The feature, which has pixels of zeros, and every parameter get finite gradients"""
    adaptors, feature = part.fresh().train(), torch.randn(FEATURE).relu()
    feature[0, :, 0, 0] = 0
    feature.requires_grad_()
    total = torch.stack([(adaptor(feature) - 1).square().mean() for adaptor in adaptors.values()]).sum()
    expect_gradients(total, {"the feature": feature} | trained(adaptors))


@ADAPTOR.states(Alignment)
def feature_is_left_alone(part: AdaptorInHand) -> None:
    """It leaves the student's feature, which the heads use too, as it was"""
    feature = torch.randn(FEATURE)
    before = feature.clone()
    for adaptor in part.fresh().values():
        adaptor(feature)
    expect_equal(feature, before, "the feature afterwards")


@ADAPTOR.states(Alignment)
def mixed_precision(part: AdaptorInHand) -> None:
    """It works under autocast with bfloat16 features"""
    for adaptor in part.fresh().values():
        with torch.autocast("cpu", torch.bfloat16):
            adapted = adaptor(torch.randn(FEATURE).bfloat16())
        expect_shape(adapted, FEATURE, "the adapted feature")
        expect_finite(adapted, "the adapted feature")


@ADAPTOR.states(nn.Module.load_state_dict)
def saves_and_restores(part: AdaptorInHand) -> None:
    """A fresh one that loads its state_dict maps alike"""
    adaptors, restored, feature = part.fresh(), part.fresh(), torch.randn(FEATURE)
    for adaptor in adaptors.values():
        adaptor(feature)  # moves what is counted
    restored.load_state_dict(through_a_file(adaptors))
    for teacher in TEACHERS:
        expected = adaptors[teacher].eval()(feature)
        expect_equal(restored[teacher].eval()(feature), expected, f"the adapted feature for {teacher}")
