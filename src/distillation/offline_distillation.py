"""The losses of offline distillation: alignment with frozen teachers and, optionally, output distillation."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from src.distillation.adaptive_weights import AdaptiveTeacherWeights
from src.distillation.base import Distillation, DistillationOutput, TrainingImages, TrainingStep
from src.distillation.cache import TeacherCache
from src.distillation.folding import keep_in_autocast_precision
from src.distillation.frozen_teachers import FrozenTeachers
from src.distillation.pull import pulled
from src.distillation.standardise import Standardiser
from src.distillation.teacher_dropout import TeacherDropout
from src.models.base import Features, MultiTaskNetwork, feature_of
from src.tasks.base import Task


@dataclass(frozen=True)
class Options:
    """Options beside those of the alignment.

    Args:
        output_weight: weight of output distillation; 0 leaves the teachers' heads out.
        temperature: of the softened classes (Hinton et al. 2015).
        teacher_dropout: probability that a step leaves a teacher out; the one with the largest loss stays (UNIC).
        adaptive_weights: rate, per epoch, at which the teachers' weights follow the student's loss over the teacher's.
        teacher_dropout_by: ``batch`` or ``image``: for what teachers are drawn.
    """

    output_weight: float = 0.0
    temperature: float = 4.0
    teacher_dropout: float = 0.0
    adaptive_weights: float = 0.0
    teacher_dropout_by: str = "batch"


class OfflineDistillation(Distillation):
    """Aligns the student's features with frozen teachers' and, optionally, distils the teachers' outputs.

    The teachers are kept outside the module's state: they are in no checkpoint of the student.

    Args:
        teachers: the frozen teachers.
        tasks: the student's tasks.
        options: options beside those of the alignment.
        views: views of each image in training, 1 or 2, where teachers' features may be cached.
        cache_capacity: capacity of the cache in GiB; 0 caches nothing.
        **base: see Distillation.
    """

    def __init__(
        self,
        teachers: FrozenTeachers,
        tasks: Mapping[str, Task],
        options: Options,
        views: int = 1,
        cache_capacity: float = 0.0,
        **base: Any,
    ) -> None:
        super().__init__(**base)
        self._outside = [teachers]
        self.tasks = {name: task for name, task in tasks.items() if name in teachers.predicted}
        self.options = options
        self.dropout = TeacherDropout(options.teacher_dropout, options.teacher_dropout_by == "image")
        rate = options.adaptive_weights
        self.adaptive_weights = AdaptiveTeacherWeights(list(self.tasks), rate=rate) if rate else None
        self.predicted = list(self.tasks) if options.output_weight or rate else []
        self.cache = TeacherCache(teachers, self.predicted, views, cache_capacity) if cache_capacity else None

    @property
    def teachers(self) -> FrozenTeachers:
        """The frozen teachers."""
        return self._outside[0]

    def teacher_networks(self) -> list[MultiTaskNetwork]:
        """List the frozen networks, each once."""
        networks = dict.fromkeys(self.teachers.networks.values())
        return [network for network in networks if isinstance(network, MultiTaskNetwork)]

    def teacher_features(self, image: Tensor) -> dict[str, Features]:
        """Map images (N, 3, H, W) to each teacher's features."""
        return self.teachers(image)

    def teacher_outputs(self, batch: Mapping[str, Tensor]) -> tuple[dict[str, Features], dict[str, Tensor]]:
        """Return each teacher's features for a training batch and, where they are used, the raw outputs."""
        if self.cache:
            return self.cache(batch["image"], batch["view"])
        return self.teachers.features_and_outputs(batch["image"], self.predicted)

    def forward(self, step: TrainingStep) -> DistillationOutput:
        """Compute each teacher's alignment loss and, with ``output_weight``, its output distillation loss."""
        features, raw = self.teacher_outputs(step.batch)
        aligned = self.alignment(self.pulled_features(step), features, by_image=self.dropout.by_image)
        outputs = self._output_losses(step, raw) if self.options.output_weight else {}
        logged = {
            kind: {name: loss.mean() for name, loss in losses.items()}
            for kind, losses in (("align", aligned), ("output", outputs))
        }
        logged |= self.logged_pull(step)
        if self.adaptive_weights:
            if torch.is_grad_enabled():
                theirs = [self.tasks[name].loss(raw[name], step.batch[name]) for name in self.tasks]
                ours = torch.stack([step.losses[name] for name in self.tasks])
                self.adaptive_weights.observe(ours, torch.stack(theirs))
            logged["teacher_weight"] = {name: self.adaptive_weights.of(name) for name in self.tasks}
        return DistillationOutput(self._weighted(aligned, outputs), logged)

    def start(self, device: torch.device, images: TrainingImages) -> str:
        """Move the teachers to the device, gather the statistics of their features and fill the cache."""
        self.teachers.to(device)
        keep_in_autocast_precision(self.teachers, device)
        self._gather_statistics(images)
        if self.cache and not self.cache.filled:
            self.cache.fill(images.count, images.batches())
            return str(self.cache)
        return ""

    def end_epoch(self) -> None:
        """Update the adaptive weights of the teachers."""
        if self.adaptive_weights:
            self.adaptive_weights.end_epoch()

    def _gather_statistics(self, images: TrainingImages) -> None:
        """Run the teachers once on all training images, for features that are to be standardised."""
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

    def _output_losses(self, step: TrainingStep, theirs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Compute each task's output distillation loss, a scalar or one per image (N), from the teachers' outputs."""
        temperature, factor = self.options.temperature, self.pull.of_outputs(step.epoch)
        losses: dict[str, Tensor] = {}
        for name, raw in theirs.items():
            ours, loss = pulled(step.raw[name], factor), self.tasks[name].output_distillation_loss
            if self.dropout.by_image:
                images = zip(ours.split(1), raw.split(1), strict=True)
                losses[name] = torch.stack([loss(one, other, temperature) for one, other in images])
            else:
                losses[name] = loss(ours, raw, temperature)
        return losses

    def _weighted(self, aligned: Mapping[str, Tensor], outputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Sum each teacher's losses under its weights; dropped teachers have 0."""
        losses: dict[str, Tensor] = {}
        for name in dict.fromkeys([*aligned, *outputs]):
            terms = [aligned[name]] if name in aligned else []
            terms += [self.options.output_weight * outputs[name]] if name in outputs else []
            adaptive = self.adaptive_weights.of(name) if self.adaptive_weights and name in self.tasks else 1.0
            losses[name] = self.weights.get(name, 1.0) * adaptive * torch.stack(terms).sum(0)
        return self.dropout(losses)
