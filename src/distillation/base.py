"""The interface of a regime of distillation, which adds losses to each training step of the student."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from src.distillation.alignment import Alignment
from src.distillation.pull import Pull, pulled_features
from src.foundation.registry import Registry
from src.models.base import Features, MultiTaskNetwork

REGIMES = Registry("distillation", "src.distillation", given=("setup",))
"""Functions from a Setup to a Distillation, or to None where nothing is distilled."""

Schedule = Callable[[int, int], float]


@dataclass(frozen=True)
class Traits:
    """What a regime needs from the rest of the program.

    Args:
        needs_trained_teachers: whether it gets trained teachers, frozen.
        aligns_features: whether adaptors and a distance are used.
        trains_networks: whether it trains networks of its own beside the student, which costs as much as they do.
        static_graph: whether every step has the same graph, as DDP's ``static_graph`` requires.
    """

    needs_trained_teachers: bool
    aligns_features: bool
    trains_networks: bool
    static_graph: bool


@dataclass(frozen=True)
class TrainingStep:
    """A student's pass over a batch: features, raw outputs (N, channels, H, W) and losses (scalars) by task.

    ``epoch`` counts the epochs that were trained before, with the part of the present one.
    """

    batch: Mapping[str, Tensor]
    features: Features
    raw: Mapping[str, Tensor]
    losses: Mapping[str, Tensor]
    epoch: float = 0.0


@dataclass(frozen=True)
class TrainingImages:
    """The images that are trained on, not augmented.

    Args:
        count: images of the training split, held-out ones included.
        batches: yields each image's index (N) in the split and the images (N, 3, H, W).
    """

    count: int
    batches: Callable[[], Iterable[tuple[Tensor, Tensor]]]


@dataclass(frozen=True)
class DistillationOutput:
    """What a regime adds to a training step.

    Args:
        losses: weighted distillation losses, a scalar per teacher; that of a task's teacher has the task's name.
        logged: detached scalars for the log, by kind and name.
        auxiliary_loss: what the regime's own networks minimise beside the student's objective.
        task_weights: factors on the student's task losses, by task; detached.
    """

    losses: Mapping[str, Tensor]
    logged: Mapping[str, Mapping[str, Tensor]] = field(default_factory=dict)
    auxiliary_loss: Tensor | None = None
    task_weights: Mapping[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True)
class AdaptorTraining:
    """Optimiser settings of the adaptors, such as lr and weight_decay, and their learning-rate factor by epoch."""

    settings: Mapping[str, float]
    schedule: Schedule


class Distillation(nn.Module, ABC):
    """A regime of distillation with its alignment.

    Args:
        alignment: adaptors and distance.
        weights: lambda per teacher; one that is not named has 1.
        adaptors: how the adaptors are trained.
        include_in_weighting: whether the loss weighting weighs the sum of a task's loss and its distillation loss, not
            the task's loss alone.
        pull: how strongly the losses pull at the student in its first epochs.
    """

    def __init__(
        self,
        alignment: Alignment,
        weights: Mapping[str, float],
        adaptors: AdaptorTraining,
        include_in_weighting: bool = False,
        pull: Pull | None = None,
    ) -> None:
        super().__init__()
        self.alignment, self.weights, self.adaptors = alignment, dict(weights), adaptors
        self.include_in_weighting = include_in_weighting
        self.pull = pull or Pull()

    @abstractmethod
    def forward(self, step: TrainingStep) -> DistillationOutput:
        """Compute the distillation losses of a step; without autograd, no state is updated."""

    def pulled_features(self, step: TrainingStep) -> Features:
        """Return the student's features, with as much of their gradient as the alignment has at the step's epoch."""
        return pulled_features(step.features, self.alignment.student_levels, self.pull.of_alignment(step.epoch))

    def logged_pull(self, step: TrainingStep) -> dict[str, dict[str, Tensor]]:
        """Return for the log how strongly the alignment pulls, where that changes."""
        if self.pull == Pull():
            return {}
        features = next(iter(step.features.values()))
        return {"pull": {"align": torch.full((), self.pull.of_alignment(step.epoch), device=features.device)}}

    @abstractmethod
    def teacher_features(self, image: Tensor) -> dict[str, Features]:
        """Map images (N, 3, H, W) to each teacher's features, without gradient."""

    def auxiliary_parameters(self) -> list[nn.Parameter]:
        """List the parameters that are trained with the student and discarded: the adaptors' and the distance's."""
        return list(self.alignment.parameters())

    @abstractmethod
    def teacher_networks(self) -> list[MultiTaskNetwork]:
        """List the networks that the student learns from."""

    def network_parameters(self) -> list[nn.Parameter]:
        """List the parameters of networks that the regime trains itself."""
        return []

    def start(self, device: torch.device, images: TrainingImages) -> str:
        """Prepare for training on ``device``; return a message for the user, or nothing."""
        return ""

    def end_epoch(self) -> None:
        """Update what changes once per training epoch."""
