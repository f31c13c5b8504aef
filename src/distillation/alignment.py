"""The alignment of a student's shared features with each teacher's, through an adaptor per task and level."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from src.models.base import Features, feature_of

BuildAdaptor = Callable[[int, int], nn.Module]
Distance = Callable[[Tensor, Tensor], Tensor]
Channels = Mapping[str, int]


class Alignment(nn.Module):
    """Sum over levels of the distance between adapted student and teacher features, for each task.

    Args:
        student: channels of the student's levels.
        teachers: channels of each teacher's levels, by task.
        levels: student level -> teacher level.
        build_adaptor: builds an adaptor from (student channels, teacher channels).
        distance: maps adapted and teacher features (N, C, H, W), float32 even under autocast, to a scalar.
    """

    def __init__(
        self,
        student: Channels,
        teachers: Mapping[str, Channels],
        levels: Mapping[str, str],
        build_adaptor: BuildAdaptor,
        distance: Distance,
    ) -> None:
        super().__init__()
        self.levels = dict(levels)
        self.distance = distance
        self.adaptors = nn.ModuleDict(
            {
                task: nn.ModuleDict({s: build_adaptor(student[s], channels[t]) for s, t in levels.items()})
                for task, channels in teachers.items()
            }
        )

    def forward(self, student: Features, teachers: Mapping[str, Features]) -> dict[str, Tensor]:
        """Map features of the student and of each teacher to one alignment loss per task.

        Where a task has a feature of its own at a level, that one is aligned. An adapted feature is resampled
        bilinearly where the teacher's has another height and width.
        """
        losses: dict[str, Tensor] = {}
        for task, features in teachers.items():
            terms = [
                self._term(task, s, feature_of(student, s, task), feature_of(features, t, task))
                for s, t in self.levels.items()
            ]
            losses[task] = sum(terms[1:], terms[0])
        return losses

    def _term(self, task: str, level: str, student: Tensor, teacher: Tensor) -> Tensor:
        adapted = self.adaptors[task][level](student)  # type: ignore[index]
        if adapted.shape[-2:] != teacher.shape[-2:]:
            adapted = functional.interpolate(adapted, teacher.shape[-2:], mode="bilinear", align_corners=False)
        with torch.autocast(student.device.type, enabled=False):
            return self.distance(adapted.float(), teacher.float())
