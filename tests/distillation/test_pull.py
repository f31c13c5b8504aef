"""A pull that fades in, adaptors that are warmed up, and teachers that are dropped image by image."""

from typing import Any

import pytest
import torch
from torch import Tensor

from src.distillation.adaptors.linear import linear
from src.distillation.alignment import Alignment
from src.distillation.base import AdaptorTraining, DistillationOutput, TrainingStep
from src.distillation.distances.channel_kl import channel_kl
from src.distillation.distances.normalised import normalised
from src.distillation.frozen_teachers import FrozenTeachers
from src.distillation.offline_distillation import OfflineDistillation, Options
from src.distillation.pull import Pull
from src.distillation.teacher_dropout import drop_teachers_by_image
from src.models.mtan import mtan
from src.models.small import small
from src.training.schedules import Constant
from tests.tasks.usual import Depth, Normal, Semantic

TASKS = {"semantic": Semantic(5), "depth": Depth(), "normal": Normal()}
LEVELS = {"bottleneck": "bottleneck", "decoder": "decoder"}
OUTPUTS = {name: task.channels for name, task in TASKS.items()}


def look(epoch: float, pull: Pull, build: Any = small, distance: Any = normalised, **options: Any) -> dict[str, Any]:
    """Take one look at a batch; returns the output and the gradients of its sum by student, outputs and adaptors."""
    torch.manual_seed(0)
    filters = [4, 6, 8, 8] if build is small else [4, 4, 4, 4, 4]
    student = build(OUTPUTS, filters)
    teachers = {name: build({name: width}, filters) for name, width in OUTPUTS.items()}
    channels, levels = student.trunk.channels, dict.fromkeys(TASKS, LEVELS)
    alignment = Alignment(channels, dict.fromkeys(TASKS, channels), levels, linear, distance)
    regime = OfflineDistillation(
        FrozenTeachers(teachers, levels), TASKS, Options(**options),
        alignment=alignment, weights={}, adaptors=AdaptorTraining({"lr": 0.1}, Constant()), pull=pull,
    )  # fmt: skip
    image = torch.randn(3, 3, 32, 64)
    with torch.no_grad():
        features = student.features(image)
    features = {key: value.requires_grad_() for key, value in features.items()}
    raw = {name: torch.randn(3, width, 32, 64, requires_grad=True) for name, width in OUTPUTS.items()}
    output: DistillationOutput = regime(TrainingStep({"image": image}, features, raw, {}, epoch))
    total = torch.stack(list(output.losses.values())).sum()
    adaptors = list(alignment.parameters())
    last = [value for key, value in features.items() if key.startswith("decoder")]

    def gradients(inputs: list[Tensor]) -> list[Tensor]:
        found = torch.autograd.grad(total, inputs, allow_unused=True, retain_graph=True)
        return [torch.zeros_like(x) if g is None else g for x, g in zip(inputs, found, strict=True)]

    return {
        "losses": output.losses, "student": gradients(last), "adaptors": gradients(adaptors),
        "outputs": gradients(list(raw.values())), "regime": regime,
        "step": TrainingStep({"image": image}, features, raw, {}, epoch),
    }  # fmt: skip


def test_the_pull_rises_to_lambda_after_the_warm_up() -> None:
    pull = Pull(fade_in=4, adaptor_warmup=2)
    assert [pull.of_alignment(epoch) for epoch in (0, 1.9, 2, 3, 5, 6, 9)] == [0, 0, 0, 0.25, 0.75, 1, 1]
    assert [pull.of_outputs(epoch) for epoch in (0, 1, 4)] == [0, 0.25, 1]
    assert Pull().of_alignment(0) == 1
    assert [Pull(adaptor_warmup=2).of_alignment(epoch) for epoch in (1.99, 2)] == [0, 1]


@pytest.mark.parametrize("build", [small, mtan])
@pytest.mark.parametrize("factor", [0.0, 0.25, 1.0])
def test_only_the_students_gradient_fades(build: Any, factor: float) -> None:
    usual = look(0, Pull(), build, output_weight=1.0)
    fading = look(4 * factor, Pull(fade_in=4), build, output_weight=1.0)
    for name, loss in usual["losses"].items():
        assert fading["losses"][name].item() == loss.item()
    for expected, found in zip(usual["adaptors"], fading["adaptors"], strict=True):
        torch.testing.assert_close(found, expected)
    for kind in ("student", "outputs"):
        assert any(gradient.any() for gradient in usual[kind])
        for expected, found in zip(usual[kind], fading[kind], strict=True):
            torch.testing.assert_close(found, factor * expected)


def test_warming_up_adaptors_leaves_output_distillation_alone() -> None:
    warming = look(0.5, Pull(adaptor_warmup=1), output_weight=1.0)
    assert not any(gradient.any() for gradient in warming["student"])
    assert all(gradient.any() for gradient in warming["adaptors"] + warming["outputs"])


@pytest.mark.parametrize("distance", [normalised, channel_kl])
def test_losses_by_image_have_the_batches_mean(distance: Any) -> None:
    usual = look(0, Pull(), distance=distance, output_weight=1.0)
    by_image = look(0, Pull(), distance=distance, output_weight=1.0, teacher_dropout=1e-9, teacher_dropout_by="image")
    for name, loss in usual["losses"].items():
        assert by_image["losses"][name].item() == pytest.approx(loss.item(), rel=1e-5)
    for expected, found in zip(usual["student"], by_image["student"], strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-7)


def test_with_all_others_dropped_each_image_follows_the_teacher_it_is_most_behind_of() -> None:
    found = look(0, Pull(), teacher_dropout=1.0, teacher_dropout_by="image")
    regime, step = found["regime"], found["step"]
    aligned = torch.stack(list(regime.alignment(step.features, regime.teachers(step.batch["image"]), True).values()))
    assert aligned.shape == (3, 3)
    most = aligned.max(0)
    for index, loss in enumerate(found["losses"].values()):
        expected = torch.where(most.indices == index, most.values, 0).mean()
        assert loss.item() == pytest.approx(expected.item(), abs=1e-6)


def test_teachers_are_drawn_for_each_image_with_the_probability_that_was_asked() -> None:
    losses = torch.rand(3, 4000)
    kept = drop_teachers_by_image(losses, 0.7, torch.Generator().manual_seed(0))
    assert (kept.gather(0, losses.argmax(0)[None]) == 1).all()
    assert kept.mean().item() == pytest.approx((1 + 2 * 0.3) / 3, abs=0.02)
    assert 0.05 < (kept.sum(0) == 3).float().mean() < 0.13  # 0.09: both others kept


def test_a_second_pass_without_autograd_keeps_the_steps_teachers() -> None:
    found = look(0, Pull(), teacher_dropout=0.5, teacher_dropout_by="image")
    with torch.no_grad():
        again = found["regime"](found["step"]).losses
    for name, loss in found["losses"].items():
        assert again[name].item() == pytest.approx(loss.item(), rel=1e-6)
