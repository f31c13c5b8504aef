"""Offline distillation: the teachers were trained before and are frozen (Li and Bilen 2020)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from src.distillation.base import Distillation, Guidance, TrainingImages, TrainingStep
from src.distillation.cache import TeacherCache
from src.distillation.dropping import drop_teachers
from src.distillation.feedback import TeacherFeedback
from src.distillation.folding import keep_in_autocast_precision
from src.distillation.standardise import Standardiser
from src.distillation.teachers import FrozenTeachers
from src.errors import UserError
from src.models.base import Features, MultiTaskNetwork, feature_of
from src.tasks.base import Task


@dataclass(frozen=True)
class Options:
    """What composes with the alignment.

    Args:
        predictions: factor of the imitation of the teachers' predictions; 0 leaves their heads out.
        temperature: of the softened classes under imitation (Hinton et al. 2015).
        drop: probability with which a teacher sits a step out; the one most behind never does (UNIC).
        feedback: share by which the teachers' weights follow, each epoch, how far the student is behind; 0 keeps them.
    """

    predictions: float = 0.0
    temperature: float = 4.0
    drop: float = 0.0
    feedback: float = 0.0

    def __post_init__(self) -> None:
        """Refuse values that make no sense."""
        for name, fits, bounds in (
            ("predictions", self.predictions >= 0, "not negative"),
            ("temperature", self.temperature > 0, "positive"),
            ("drop", 0 <= self.drop <= 1, "in [0, 1]"),
            ("feedback", 0 <= self.feedback <= 1, "in [0, 1]"),
        ):
            if not fits:
                raise UserError(f"distillation.{name}={getattr(self, name)} makes no sense", f"it must be {bounds}")


class Offline(Distillation):
    """Pulls the student towards frozen teachers' features, and, if asked, their predictions.

    The teachers are kept outside the module's state: they are in no checkpoint of the student.

    Args:
        teachers: the frozen teachers.
        tasks: the student's tasks.
        options: what composes with the alignment.
        views: in how many views training sees each image, 1 or 2, where what teachers say of them may be kept.
        room: GiB that it may take; 0 keeps nothing.
        **base: see Distillation.
    """

    def __init__(
        self,
        teachers: FrozenTeachers,
        tasks: Mapping[str, Task],
        options: Options,
        views: int = 1,
        room: float = 0.0,
        **base: Any,
    ) -> None:
        super().__init__(**base)
        self._outside = [teachers]
        self.tasks = {name: task for name, task in tasks.items() if name in teachers.predicted}
        self.options = options
        self.feedback = TeacherFeedback(list(self.tasks), rate=options.feedback) if options.feedback else None
        self.predicted = list(self.tasks) if options.predictions or options.feedback else []
        self.cache = TeacherCache(teachers, self.predicted, views, room) if room else None

    @property
    def teachers(self) -> FrozenTeachers:
        """The frozen teachers."""
        return self._outside[0]

    def teaching(self) -> list[MultiTaskNetwork]:
        """List the frozen networks."""
        return [network for network in self.teachers.networks.values() if isinstance(network, MultiTaskNetwork)]

    def teacher_features(self, image: Tensor) -> dict[str, Features]:
        """Map images (N, 3, H, W) to each teacher's features."""
        return self.teachers(image)

    def taught(self, batch: Mapping[str, Tensor]) -> tuple[dict[str, Features], dict[str, Tensor]]:
        """Give each teacher's features for a training batch and, where they are used, the raw outputs."""
        if self.cache:
            return self.cache(batch["image"], batch["view"])
        return self.teachers.ask(batch["image"], self.predicted)

    def guide(self, step: TrainingStep) -> Guidance:
        """Align features with each teacher's and imitate predictions, as the options say."""
        features, raw = self.taught(step.batch)
        aligned = self.alignment(step.features, features)
        imitated = self._imitation(step, raw) if self.options.predictions else {}
        if self.feedback and torch.is_grad_enabled():
            theirs = [self.tasks[name].loss(raw[name], step.batch[name]) for name in self.tasks]
            self.feedback.observe(torch.stack([step.losses[name] for name in self.tasks]), torch.stack(theirs))
        return Guidance(
            self._pulls(aligned, imitated), {"align": aligned, "imitation": imitated} | self._weights_shown()
        )

    def start(self, device: torch.device, images: TrainingImages) -> str:
        """Bring the teachers to the device, gather the statistics of their features and keep what is to be kept."""
        self.teachers.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        keep_in_autocast_precision(self.teachers, device)
        self._gather_statistics(images)
        if self.cache and not self.cache.filled:
            self.cache.fill(images.count, images.batches())
            return str(self.cache)
        return ""

    def _gather_statistics(self, images: TrainingImages) -> None:
        waiting = [
            (key.split("/"), standardiser)
            for key, standardiser in self.alignment.standardisers.items()
            if isinstance(standardiser, Standardiser) and not bool(standardiser.ready)
        ]
        if not waiting:
            return
        for _, image in images.batches():
            features = self.teachers(image)
            for (name, level), standardiser in waiting:
                standardiser.observe(feature_of(features[name], level, name))
        for _, standardiser in waiting:
            standardiser.close()

    def end_epoch(self) -> None:
        """Let the teachers' weights follow the student."""
        if self.feedback:
            self.feedback.end_epoch()

    def _imitation(self, step: TrainingStep, theirs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        temperature = self.options.temperature
        return {name: self.tasks[name].imitate(step.raw[name], raw, temperature) for name, raw in theirs.items()}

    def _pulls(self, aligned: Mapping[str, Tensor], imitated: Mapping[str, Tensor]) -> dict[str, Tensor]:
        pulls: dict[str, Tensor] = {}
        for name in dict.fromkeys([*aligned, *imitated]):
            terms = [aligned[name]] if name in aligned else []
            terms += [self.options.predictions * imitated[name]] if name in imitated else []
            adaptive = self.feedback.of(name) if self.feedback and name in self.tasks else 1.0
            pulls[name] = self.weights.get(name, 1.0) * adaptive * torch.stack(terms).sum()
        if self.options.drop:
            if torch.is_grad_enabled():  # a second look at a step, without autograd, keeps the step's teachers
                self._kept = drop_teachers(torch.stack(list(pulls.values())).detach(), self.options.drop)
            pulls = {name: pull * keep for (name, pull), keep in zip(pulls.items(), self._kept, strict=True)}
        return pulls

    def _weights_shown(self) -> dict[str, dict[str, Tensor]]:
        return {"teacher_weight": {name: self.feedback.of(name) for name in self.tasks}} if self.feedback else {}
