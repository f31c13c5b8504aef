"""The student stage: one multi-task network, its shared features aligned with each teacher's."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from src.balancing.base import LossWeighting
from src.distillation.alignment import Alignment
from src.distillation.teachers import FrozenTeachers
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
        image = batch["image"]
        features = self.network.features(image)
        losses = self.task_losses(self.network.predict(features, (image.shape[-2], image.shape[-1])), batch)
        self.log_losses("loss", losses)
        if self.distillation is None:
            return self._balanced(losses)
        aligned = self.distillation.alignment(features, self.distillation.teachers(image))
        self.log_losses("align", aligned)
        weighted = {task: self.distillation.weights.get(task, 1.0) * value for task, value in aligned.items()}
        if self.distillation.balanced:
            return self._balanced({task: loss + weighted.get(task, 0.0) for task, loss in losses.items()})
        return self._balanced(losses) + torch.stack(list(weighted.values())).sum()

    def on_train_epoch_end(self) -> None:
        """Let the weighting close its epoch."""
        self.weighting.end_epoch()

    def _balanced(self, losses: Mapping[str, Tensor]) -> Tensor:
        shared = [p for p in self.network.trunk.parameters() if p.requires_grad]
        weights = self.weighting.weights()
        if weights is not None:
            self.log_dict(
                {f"train/weight/{task}": weight for task, weight in zip(losses, weights, strict=True)},
                on_step=False, on_epoch=True, batch_size=1,
            )  # fmt: skip
        return self.weighting.combine(torch.stack(list(losses.values())), shared, self.network.last_shared_layer())
