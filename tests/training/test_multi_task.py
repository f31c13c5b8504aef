"""The student's objective and optimiser, through the stage itself: sum_t [ w_t l_t + lambda_t sum_k d ]."""

from functools import partial
from unittest.mock import Mock

import pytest
import torch

from src.distillation.adaptors.linear import linear
from src.distillation.alignment import Alignment
from src.distillation.base import AdaptorTraining
from src.distillation.distances.normalised import normalised
from src.distillation.frozen_teachers import FrozenTeachers
from src.distillation.offline_distillation import OfflineDistillation, Options
from src.loss_weights.fixed import Fixed
from src.models.small import small
from src.training.multi_task import MultiTaskModule
from src.training.schedules import Constant, Step
from tests.tasks.usual import Depth, Normal, Semantic

TASKS = {"semantic": Semantic(5), "depth": Depth(), "normal": Normal()}
LAMBDA = {"semantic": 1.0, "depth": 0.5, "normal": 2.0}
WEIGHTS = {"semantic": 1.0, "depth": 3.0, "normal": 7.0}
LEVELS = {"bottleneck": "bottleneck", "decoder": "decoder"}


def make(balanced: bool = False, **options: float) -> MultiTaskModule:
    torch.manual_seed(0)
    filters = [4, 6, 8, 8]
    network = small({name: task.channels for name, task in TASKS.items()}, filters)
    teachers = {name: small({name: task.channels}, filters) for name, task in TASKS.items()}
    channels = network.trunk.channels
    levels = dict.fromkeys(TASKS, LEVELS)
    alignment = Alignment(channels, dict.fromkeys(TASKS, channels), levels, linear, normalised)
    frozen = FrozenTeachers(teachers, levels)
    adaptors = AdaptorTraining({"lr": 0.1, "weight_decay": 5e-4}, Constant())
    distillation = OfflineDistillation(
        frozen,
        TASKS,
        Options(**options),
        alignment=alignment,
        weights=LAMBDA,
        adaptors=adaptors,
        include_in_weighting=balanced,
    )
    stage = MultiTaskModule(
        weighting=Fixed(list(TASKS), WEIGHTS),
        distillation=distillation,
        network=network,
        tasks=TASKS,
        build_optimiser=partial(torch.optim.Adam, lr=1e-4),
        schedule=Step(2, 0.5),
    )
    stage.log_dict = Mock()  # a stage without a trainer cannot log
    stage.trainer = Mock(max_epochs=4, global_step=0)
    return stage


def batch() -> dict[str, torch.Tensor]:
    normal = torch.nn.functional.normalize(torch.randn(2, 3, 32, 48), dim=1)
    image, semantic = torch.randn(2, 3, 32, 48), torch.randint(-1, 5, (2, 32, 48))
    return {"image": image, "semantic": semantic, "depth": torch.rand(2, 1, 32, 48) * 4, "normal": normal}


@pytest.mark.parametrize("balanced", [False, True])
def test_the_loss_is_the_weighted_sum_of_task_and_alignment_losses(balanced: bool) -> None:
    stage, data = make(balanced).eval(), batch()  # eval, so that the network gives the same twice
    got = stage.training_step(data, 0)
    raw = stage.network(data["image"])
    features = stage.network.features(data["image"])
    expected = 0.0
    for name, task in TASKS.items():
        theirs = stage.distillation.teachers.networks[name].features(data["image"])
        align = sum(
            normalised(stage.alignment.adaptors[name][level](features[level]), theirs[level]) for level in LEVELS
        )
        loss = task.loss(raw[name], data[name])
        factor = WEIGHTS[name] if balanced else 1.0
        expected = expected + WEIGHTS[name] * loss + factor * LAMBDA[name] * align
    torch.testing.assert_close(got, expected)


def test_network_and_adaptors_have_optimiser_settings_and_schedules_of_their_own() -> None:
    stage = make()
    configured = stage.configure_optimizers()
    optimiser, scheduler = configured["optimizer"], configured["lr_scheduler"]["scheduler"]
    network, adaptors = optimiser.param_groups
    assert (network["lr"], network["weight_decay"], adaptors["lr"], adaptors["weight_decay"]) == (1e-4, 0, 0.1, 5e-4)
    count = len(list(stage.alignment.parameters()))
    assert (len(adaptors["params"]), count) == (6, 6)
    assert len(network["params"]) == len(list(stage.network.parameters()))
    rates = []
    for _ in range(4):
        rates.append((optimiser.param_groups[0]["lr"], optimiser.param_groups[1]["lr"]))
        optimiser.step()
        scheduler.step()
    assert rates == [(1e-4, 0.1), (1e-4, 0.1), (5e-5, 0.1), (5e-5, 0.1)]


def test_a_step_is_adams_on_both_groups() -> None:
    stage, data = make(), batch()
    optimiser = stage.configure_optimizers()["optimizer"]
    adaptor = stage.alignment.adaptors["normal"]["decoder"].weight
    kernel = stage.network.trunk.encoder[0][0][0].weight
    before = adaptor.detach().clone(), kernel.detach().clone()
    stage.training_step(data, 0).backward()
    decayed = adaptor.grad + 5e-4 * before[0]
    optimiser.step()
    torch.testing.assert_close(adaptor.detach(), before[0] - 0.1 * decayed / (decayed.abs() + 1e-8))
    torch.testing.assert_close(kernel.detach(), before[1] - 1e-4 * kernel.grad / (kernel.grad.abs() + 1e-8))


def test_no_teacher_is_part_of_the_stage() -> None:
    stage = make()
    held = {id(p) for p in stage.parameters()} | {id(b) for b in stage.buffers()}
    assert not held & {id(p) for p in stage.distillation.teachers.parameters()}
    assert not [key for key in stage.state_dict() if "teacher" in key]
