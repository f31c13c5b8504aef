"""Mistakes in regimes of distillation are found and told."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from src.distillation.base import (
    REGIMES,
    AdaptorTraining,
    Distillation,
    DistillationOutput,
    TrainingStep,
    Traits,
)
from src.distillation.setup import Setup
from src.models.base import Features, MultiTaskNetwork
from tests.contracts.findings import broken, failures, quick

OFFLINE = Traits(needs_trained_teachers=True, aligns_features=True, trains_networks=False, static_graph=True)


class Follows(Distillation):
    """Aligns the decoder with frozen teachers, as it should be; mistakes are made in what inherits from it."""

    def __init__(self, setup: Setup) -> None:
        networks = {name: teacher.network for name, teacher in setup.teachers.items()}
        levels = {name: {"decoder": "decoder"} for name in networks}
        training = AdaptorTraining({"lr": 0.1}, lambda epoch, epochs: 1.0)
        super().__init__(setup.alignment(networks, levels), {}, training)
        self.tasks = setup.tasks
        self._outside = [networks]
        for network in networks.values():
            network.requires_grad_(False)

    def teacher_networks(self) -> list[MultiTaskNetwork]:
        return list(self._outside[0].values())

    def teacher_features(self, image: Tensor) -> dict[str, Features]:
        with torch.no_grad():
            return {name: network.features(image) for name, network in self._outside[0].items()}

    def forward(self, step: TrainingStep) -> DistillationOutput:
        return DistillationOutput(self.alignment(step.features, self.teacher_features(step.batch["image"])))


def regime(traits: Any = OFFLINE) -> Callable[[type[Follows]], type[Follows]]:
    """Register a regime under its class's name."""

    def add(kind: type[Follows]) -> type[Follows]:
        def build(setup: Setup) -> Follows:
            return kind(setup)

        build.__module__ = __name__
        REGIMES.register(kind.__name__, traits)(build)
        return kind

    return add


regime()(Follows)


@regime(traits=None)
class DeclaresNothing(Follows):
    pass


@regime(Traits(needs_trained_teachers=True, aligns_features=True, trains_networks=True, static_graph=True))
class SaysThatItTrains(Follows):
    pass


@regime()
class LeavesThemTraining(Follows):
    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        for network in self.teacher_networks():
            network.train()


@regime()
class CarriesThemAlong(Follows):
    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        self.networks = nn.ModuleDict(self._outside[0])

    def train(self, mode: bool = True) -> Distillation:
        return super().train(False)


@regime()
class TeachesTheTeachers(Follows):
    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        for network in self.teacher_networks():
            network.requires_grad_(True)

    def forward(self, step: TrainingStep) -> DistillationOutput:
        features = {name: network.features(step.batch["image"]) for name, network in self._outside[0].items()}
        return DistillationOutput(self.alignment(step.features, features))


@regime()
class KeepsLossesApart(Follows):
    def forward(self, step: TrainingStep) -> DistillationOutput:
        return DistillationOutput({name: loss.expand(2) for name, loss in super().forward(step).losses.items()})


@regime()
class TeachesNobody(Follows):
    def forward(self, step: TrainingStep) -> DistillationOutput:
        features = {level: feature.detach() for level, feature in step.features.items()}
        return super().forward(TrainingStep(step.batch, features, step.raw, step.losses))


@regime()
class ForgetsItsCount(Follows):
    count = 0

    def forward(self, step: TrainingStep) -> DistillationOutput:
        self.count += torch.is_grad_enabled()
        return DistillationOutput({n: loss * 0.9**self.count for n, loss in super().forward(step).losses.items()})


@regime()
class LearnsFromLooking(Follows):
    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        self.register_buffer("seen", torch.zeros(()))

    def forward(self, step: TrainingStep) -> DistillationOutput:
        self.seen += 1
        return super().forward(step)


@regime()
class DividesByTheLoss(Follows):
    def forward(self, step: TrainingStep) -> DistillationOutput:
        found = super().forward(step).losses
        return DistillationOutput({name: loss / step.losses[name].detach() for name, loss in found.items()})


@regime()
class HasAnIdleAdaptor(Follows):
    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        self.idle = nn.Linear(2, 2)

    def auxiliary_parameters(self) -> list[nn.Parameter]:
        return [*super().auxiliary_parameters(), *self.idle.parameters()]


@regime()
class DropsAtRandom(Follows):
    """Its graph changes from step to step, and it says that it does not."""

    def forward(self, step: TrainingStep) -> DistillationOutput:
        losses = super().forward(step).losses
        return DistillationOutput({name: loss for name, loss in losses.items() if torch.rand(()) < 0.5})


def test_a_regime_of_ones_own_holds() -> None:
    assert broken("distillation", f"{__name__}.Follows") == {}


@pytest.mark.parametrize(
    ("kind", "seen"),
    [
        ("DeclaresNothing", {"builds": "its traits are None, not Traits(...)"}),
        ("SaysThatItTrains", {"declares": "trains_networks=True and has 0 parameters"}),
        ("LeavesThemTraining", {"teachers_stay": "0.trunk.encoder.0.0.1.running_mean, "}),
        ("CarriesThemAlong", {"teachers_stay": "of its state_dict belong to teachers"}),
        ("TeachesTheTeachers", {"teachers_stay": "0.trunk.encoder.0.0.0.weight, "}),
        ("KeepsLossesApart", {"losses_are_scalars": "semantic is float32 (2,), not a scalar"}),
        ("TeachesNobody", {"student_is_taught": "the loss semantic has none"}),
        ("ForgetsItsCount", {"saves_and_restores": "the loss semantic in a later step: 1 of 1 values differ"}),
        ("LearnsFromLooking", {"nothing_is_learned_without_autograd": "seen: 1 of 1 values differ, by up to 1"}),
        ("DividesByTheLoss", {"tasks_without_labels": "the gradient with respect to "}),
        ("HasAnIdleAdaptor", {"everything_learns": "no gradient for idle.weight, idle.bias"}),
        ("DropsAtRandom", {"everything_learns": "no gradient for "}),
    ],
)
def test_a_mistake_in_a_regime_is_told(kind: str, seen: dict[str, str]) -> None:
    known = [name for name in seen if name != "builds"]
    found = failures(quick("distillation", {"_target_": f"{__name__}.{kind}"}, known))
    assert set(found) == set(seen), found
    for key, words in seen.items():
        assert words in found[key], found[key]
