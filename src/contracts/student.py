"""A tiny student that is trained under a regime of distillation."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from src.contracts.base import DoesNotApplyError
from src.contracts.expectations import expect, expect_finite, trained
from src.contracts.samples import IMAGES, SIZE, draw_batch, small_network, usual_tasks
from src.distillation.adaptors.base import ADAPTORS
from src.distillation.base import REGIMES, Distillation, DistillationOutput, TrainingImages, TrainingStep, Traits
from src.distillation.distances.base import DISTANCES
from src.distillation.setup import Setup, TeacherNetwork
from src.training import schedules  # noqa: F401  (registers what slots of regimes name)


class Student:
    """A student under a regime, with tiny teachers where the regime needs trained ones."""

    def __init__(self, config: Mapping[str, Any], traits: Traits) -> None:
        self.tasks = usual_tasks()
        needed = self.tasks if traits.needs_trained_teachers else {}
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(1)  # a restored regime must have the same teachers, but other weights of its own
            self.teachers = {name: small_network({name: task}).eval() for name, task in needed.items()}
        self.network = small_network(self.tasks)
        setup = Setup(
            student=self.network,
            tasks=self.tasks,
            teachers={name: TeacherNetwork(network) for name, network in self.teachers.items()},
            build_network=small_network,
            adaptor=ADAPTORS.bind({"_target_": "linear"}),
            distance=DISTANCES.bind({"_target_": "normalised"}),
            image_size=SIZE,
            seed=int(torch.randint(2**31, ())),
        )
        self.distillation: Distillation | None = REGIMES.build(config, setup)
        if self.distillation:
            images = TrainingImages(IMAGES, lambda: [(torch.arange(IMAGES), torch.randn(IMAGES, 3, *SIZE))])
            self.distillation.start(torch.device("cpu"), images)
            self.distillation.train()

    @property
    def regime(self) -> Distillation:
        """The regime; not for one that distils nothing."""
        assert self.distillation is not None
        return self.distillation

    def trained(self) -> dict[str, nn.Parameter]:
        """Return the trained parameters of the student and of the regime, by name."""
        named = {id(p): name for name, p in self.regime.named_parameters()}
        own = [*self.regime.auxiliary_parameters(), *self.regime.network_parameters()]
        return trained(self.network) | {named.get(id(p), f"parameter {i} of the regime"): p for i, p in enumerate(own)}

    def look(self, batch: Mapping[str, Tensor]) -> tuple[TrainingStep, DistillationOutput]:
        """Run the student and the regime on a batch."""
        features = self.network.features(batch["image"])
        raw = self.network.predict(features, SIZE)
        losses = {name: task.loss(raw[name], batch[name]) for name, task in self.tasks.items()}
        step = TrainingStep(batch, features, raw, losses)
        return step, self.regime(step)

    def step(self, batch: Mapping[str, Tensor] | None = None) -> dict[str, Tensor]:
        """Train a step, and return the regime's losses."""
        step, output = self.look(batch or draw_batch(self.tasks))
        parameters = list(self.trained().values())
        found = torch.autograd.grad(total_of(step, output), parameters, allow_unused=True)
        with torch.no_grad():
            for (name, parameter), gradient in zip(self.trained().items(), found, strict=True):
                if gradient is not None:
                    expect_finite(gradient, f"the gradient with respect to {name}")
                    parameter.sub_(0.01 * gradient)
        return {name: loss.detach() for name, loss in output.losses.items()}


class RegimeSubject:
    """How a regime of distillation is built."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self.config, self.traits = config, REGIMES.traits(config)
        expect(isinstance(self.traits, Traits), f"its traits are {self.traits!r}, not Traits(...)")
        self.distils = Student(config, self.traits).distillation is not None

    def fresh(self) -> Student:
        """Build the regime with a new student; raises DoesNotApplyError where it distils nothing."""
        student = Student(self.config, self.traits)
        if student.distillation is None:
            raise DoesNotApplyError("nothing is distilled")
        return student


def total_of(step: TrainingStep, output: DistillationOutput) -> Tensor:
    """Sum all losses that are minimised."""
    terms = [*step.losses.values(), *output.losses.values()]
    terms += [] if output.auxiliary_loss is None else [output.auxiliary_loss]
    return torch.stack(terms).sum()
