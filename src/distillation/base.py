"""What a regime of distillation is: it looks at each training step and says what pulls the student."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from src.distillation.alignment import Alignment
from src.models.base import Features, MultiTaskNetwork

Schedule = Callable[[int, int], float]


@dataclass(frozen=True)
class TrainingStep:
    """What a student did with a batch: features, raw outputs (N, channels, H, W) and losses (scalars) by task."""

    batch: Mapping[str, Tensor]
    features: Features
    raw: Mapping[str, Tensor]
    losses: Mapping[str, Tensor]


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
class Guidance:
    """What a regime adds to a training step.

    Args:
        pulls: weighted distillation losses, a scalar per teacher; those of a task bear its name.
        logged: detached scalars for the log, by kind and name.
        own: what the regime's own networks minimise beside the student's objective.
        factors: factors on the task losses, by task; detached.
    """

    pulls: Mapping[str, Tensor]
    logged: Mapping[str, Mapping[str, Tensor]] = field(default_factory=dict)
    own: Tensor | None = None
    factors: Mapping[str, Tensor] = field(default_factory=dict)


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
        balanced: whether the loss weighting sees a task's loss and pull together, not the loss alone.
    """

    def __init__(
        self, alignment: Alignment, weights: Mapping[str, float], adaptors: AdaptorTraining, balanced: bool = False
    ) -> None:
        super().__init__()
        self.alignment, self.weights, self.adaptors, self.balanced = alignment, dict(weights), adaptors, balanced

    @abstractmethod
    def guide(self, step: TrainingStep) -> Guidance:
        """Say what pulls the student in this step; without autograd, nothing is learned from it."""

    @abstractmethod
    def teacher_features(self, image: Tensor) -> dict[str, Features]:
        """Map images (N, 3, H, W) to each teacher's features, without gradient."""

    def helpers(self) -> list[nn.Parameter]:
        """List what is trained with the student and thrown away: the adaptors."""
        return list(self.alignment.parameters())

    @abstractmethod
    def teaching(self) -> list[MultiTaskNetwork]:
        """List the networks that the student learns from."""

    def networks(self) -> list[nn.Parameter]:
        """List the parameters of networks that the regime trains itself."""
        return []

    def start(self, device: torch.device, images: TrainingImages) -> str:
        """Get ready on ``device``; return what the user should know of it, if anything."""
        return ""

    def end_epoch(self) -> None:
        """Update what changes once per training epoch."""
