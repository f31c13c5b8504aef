"""What a regime of distillation is built from, and the options that regimes have in common."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Any

import torch
from pydantic import Field

from src.distillation.adaptors.base import BuildAdaptor, SharedAdaptor
from src.distillation.alignment import Alignment
from src.distillation.base import AdaptorTraining, Schedule
from src.distillation.distances.base import Distance
from src.distillation.levels import Levels
from src.foundation.errors import UserError
from src.foundation.part_options import Slot
from src.models.base import MultiTaskNetwork
from src.tasks.base import Task

Size = tuple[int, int]


@dataclass(frozen=True)
class TeacherNetwork:
    """A trained network to learn from.

    Args:
        network: the network.
        size: height and width to which its images are resized, where they are not the student's.
        levels: student level -> teacher level, where they are not the student's usual ones.
        features_only: whether it has no task, so that levels it lacks are left out.
    """

    network: MultiTaskNetwork
    size: Size | None = None
    levels: Levels | None = None
    features_only: bool = False


@dataclass(frozen=True)
class Setup:
    """What a regime is built from.

    Args:
        student: the network that is trained.
        tasks: its tasks.
        teachers: trained networks by name, that of a task under the task's name; empty unless the regime needs them.
        build_network: builds a network like the student for some of the tasks.
        adaptor: builds adaptors.
        distance: compares an adapted student feature with a teacher feature.
        image_size: height and width of training images.
        seed: of the adaptors' initial weights.
        views: number of views of an image in training; None where it is unlimited.
        cache_capacity: capacity of the teachers' feature cache in GiB; 0 is off.
    """

    student: MultiTaskNetwork
    tasks: Mapping[str, Task]
    teachers: Mapping[str, TeacherNetwork]
    build_network: Callable[[Mapping[str, Task]], MultiTaskNetwork]
    adaptor: BuildAdaptor | SharedAdaptor
    distance: Distance
    image_size: Size
    seed: int = 0
    views: int | None = None
    cache_capacity: float = 0.0

    def alignment(
        self, teachers: Mapping[str, MultiTaskNetwork], levels: Mapping[str, Levels], **options: Any
    ) -> Alignment:
        """Build the adaptors between the student and ``teachers``; raises UserError for levels that a network lacks."""
        for name, pairs in levels.items():
            for student_level, teacher_level in pairs.items():
                self.student.check_level(student_level)
                teachers[name].check_level(teacher_level)
        torch.manual_seed(self.seed)  # so that adaptors start alike whatever networks were built before
        channels = {name: teacher.trunk.channels for name, teacher in teachers.items()}
        return Alignment(self.student.trunk.channels, channels, levels, self.adaptor, self.distance, **options)


@dataclass(frozen=True)
class AdaptorOptimiser:
    """How adaptors are trained, by the student's kind of optimiser."""

    lr: Annotated[float, Field(gt=0, description="learning rate of the adaptors")]
    weight_decay: Annotated[float, Field(ge=0, description="weight decay of the adaptors")] = 0.0

    def training(self, schedule: Schedule) -> AdaptorTraining:
        """Return the optimiser's settings with a schedule."""
        return AdaptorTraining(asdict(self), schedule)


LevelList = Annotated[
    Sequence[str] | Mapping[str, str],
    Field(description="levels that are aligned: names, or STUDENT_LEVEL:TEACHER_LEVEL where the two differ"),
]
Lambdas = Annotated[
    Mapping[str, Annotated[float, Field(ge=0)]],
    Field(description="lambda, the weight of the alignment, per task or teacher; one that is not named has 1"),
]
Ladder = Annotated[
    bool, Field(description="adapted features of all student levels aligned with a teacher level are summed (UNIC)")
]
Inverted = Annotated[bool, Field(description="adaptors map the teacher's feature to the student's (arXiv 2403.14494)")]
IncludeInWeighting = Annotated[
    bool, Field(description="the loss weighting weighs the sum of a task's loss and its distillation loss")
]
PullFadeIn = Annotated[
    float, Field(ge=0, description="epochs over which the pull on the student rises from 0 to lambda; adaptors learn")
]
AdaptorWarmup = Annotated[
    float, Field(ge=0, description="first epochs in which the alignment trains the adaptors alone")
]
AdaptorSchedule = Annotated[
    Schedule, Slot("schedule"), Field(description="learning-rate factor of the adaptors by epoch")
]


def refuse_idle_teachers(used: Sequence[str], teachers: Sequence[str]) -> None:
    """Raise UserError where there is nothing to distil, or a teacher of which nothing is used."""
    if not teachers:
        raise UserError("every teacher is left out", "there is nothing to distil from", "distillation=none")
    if not used:
        raise UserError(
            "there is nothing to distil", "no feature level is aligned and no output is distilled",
            "distillation=none, or distillation.output_weight=1",
        )  # fmt: skip
    idle = [name for name in teachers if name not in used]
    if idle:
        raise UserError(
            f"nothing of teacher {idle[0]} is used",
            "no level of it is aligned and no output of it is distilled",
            f"teacher.{idle[0]}=none, or give it levels",
        )
