"""The student stage: one multi-task network, its shared features aligned with each teacher's."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from src.balancing.base import LossWeighting, Parameters
from src.distillation.alignment import Alignment
from src.distillation.teachers import FrozenTeachers
from src.errors import UserError
from src.stages.base import Batch, DenseStage, ParameterGroup
from src.stages.schedules import Constant, Schedule


@dataclass
class Distillation:
    """Frozen teachers, the alignment with them, and how the alignment is weighted and trained.

    Args:
        teachers: the frozen teachers.
        alignment: adaptors and distance.
        weights: lambda per task; a task that is not named has 1.
        balanced: whether the loss weighting sees task and alignment loss together, not the task loss alone.
        adaptor_settings: optimiser settings of the adaptors, such as lr and weight_decay.
        adaptor_schedule: learning-rate factor of the adaptors.
    """

    teachers: FrozenTeachers
    alignment: Alignment
    weights: Mapping[str, float]
    balanced: bool = False
    adaptor_settings: Mapping[str, float] = field(default_factory=dict)
    adaptor_schedule: Schedule = field(default_factory=Constant)


class StudentStage(DenseStage):
    """Minimises sum_t [w_t l_t + lambda_t sum_k d(A_t^k(phi_k), phi_k^t)] (Li and Bilen 2020).

    Args:
        weighting: gives w_t.
        distillation: None trains the plain multi-task baseline.
        **base: see DenseStage.
    """

    def __init__(self, weighting: LossWeighting, distillation: Distillation | None = None, **base: Any) -> None:
        super().__init__(**base)
        if distillation and distillation.balanced and weighting.parts > 1:
            raise UserError(
                "this loss weighting cannot balance alignment losses",
                f"it needs losses of {weighting.parts} parts of the batch apart, the alignment has one of the whole",
                "distillation.balanced=false, or another of loss_weights",
            )
        self.weighting = weighting
        self.distillation = distillation
        self.alignment = distillation.alignment if distillation else None

    def parameter_groups(self) -> list[ParameterGroup]:
        """Give the adaptors, and learned loss weights, a group of their own."""
        groups = super().parameter_groups()
        learned = list(self.weighting.parameters())
        if learned:
            groups.append(ParameterGroup("weighting", learned, self.schedule))
        if self.distillation and list(self.distillation.alignment.parameters()):
            adaptors = list(self.distillation.alignment.parameters())
            settings = self.distillation.adaptor_settings
            groups.append(ParameterGroup("adaptors", adaptors, self.distillation.adaptor_schedule, settings))
        return groups

    def on_fit_start(self) -> None:
        """Bring the teachers, which are no part of this module's state, to the device."""
        if self.distillation:
            self.distillation.teachers.to(self.device).to(memory_format=torch.channels_last)

    def training_step(self, batch: Batch, batch_index: int) -> Tensor:
        """Return the balanced sum of task losses plus the weighted alignment losses."""
        losses, aligned = self._losses(batch, align=self.distillation)
        self.log_losses("loss", {task: loss.mean() for task, loss in losses.items()})
        self.log_losses("align", aligned)
        self._steps_before = self.global_step
        seen, beside = self._seen(losses, aligned)
        return self._balanced(seen) + torch.stack(list(beside.values())).sum() if beside else self._balanced(seen)

    def on_train_batch_end(self, outputs: Any, batch: Batch, batch_index: int) -> None:
        """Show the losses after an optimiser's step to a weighting that learns from them."""
        if self.weighting.needs_losses_after_step and self.global_step > self._steps_before:
            align = self.distillation if self.distillation and self.distillation.balanced else None
            with torch.no_grad(), self.trainer.precision_plugin.forward_context():
                seen, _ = self._seen(*self._losses(batch, align))
            self.weighting.after_step(torch.stack(list(seen.values())))

    def on_train_epoch_end(self) -> None:
        """Let the weighting close its epoch."""
        self.weighting.end_epoch()

    def _losses(self, batch: Batch, align: Distillation | None) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Task losses, scalars or one for each part of the batch (parts), and alignment losses."""
        image = batch["image"]
        features = self.network.features(image)
        raw = self.network.predict(features, (image.shape[-2], image.shape[-1]))
        losses = self._losses_by_part(raw, batch) if self.weighting.parts > 1 else self.task_losses(raw, batch)
        return losses, align.alignment(features, align.teachers(image)) if align else {}

    def _losses_by_part(self, raw: Mapping[str, Tensor], batch: Batch) -> dict[str, Tensor]:
        parts = self.weighting.parts
        if len(batch["image"]) < parts:
            raise UserError(
                f"this loss weighting needs at least {parts} images in a batch",
                "it compares the task gradients of the batch's parts",
                f"dataset.batch_size={parts}, or another of loss_weights",
            )
        cut = [{name: value.tensor_split(parts)[i] for name, value in batch.items()} for i in range(parts)]
        cut_raw = [{name: value.tensor_split(parts)[i] for name, value in raw.items()} for i in range(parts)]
        by_part = [self.task_losses(r, b) for r, b in zip(cut_raw, cut, strict=True)]
        return {task: torch.stack([losses[task] for losses in by_part]) for task in self.tasks}

    def _seen(
        self, losses: dict[str, Tensor], aligned: Mapping[str, Tensor]
    ) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """The losses that the weighting sees, and the weighted alignment losses that are added beside them."""
        if self.distillation is None:
            return losses, {}
        weighted = {task: self.distillation.weights.get(task, 1.0) * value for task, value in aligned.items()}
        if self.distillation.balanced:
            return {task: loss + weighted.get(task, 0.0) for task, loss in losses.items()}, {}
        return losses, weighted

    def _balanced(self, losses: Mapping[str, Tensor]) -> Tensor:
        with torch.autocast(self.device.type, enabled=False):  # products of gradients need float32
            total = self.weighting.combine(torch.stack(list(losses.values())).float(), self._trained())
        weights = self.weighting.weights()
        if weights is not None:
            self.log_dict(
                {f"train/weight/{task}": weight for task, weight in zip(losses, weights, strict=True)},
                on_step=False, on_epoch=True, batch_size=1,
            )  # fmt: skip
        return total

    def _trained(self) -> Parameters:
        shared, own = self.network.shared_and_own_parameters()
        adaptors = list(self.alignment.parameters()) if self.alignment else []
        return Parameters(shared, [*own, *adaptors], self.network.last_shared_layer())
