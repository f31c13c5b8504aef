"""Offline distillation: the teachers were trained before and are frozen (Li and Bilen 2020)."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from src.distillation.base import REGIMES, Traits
from src.distillation.frozen_teachers import FrozenTeachers
from src.distillation.levels import Levels, read_levels
from src.distillation.offline_distillation import OfflineDistillation, Options
from src.distillation.pull import Pull
from src.distillation.setup import (
    AdaptorOptimiser,
    AdaptorSchedule,
    AdaptorWarmup,
    IncludeInWeighting,
    Inverted,
    Ladder,
    Lambdas,
    LevelList,
    PullFadeIn,
    Setup,
    TeacherNetwork,
    refuse_idle_teachers,
)
from src.foundation.errors import UserError

Share = Annotated[float, Field(ge=0, le=1)]
BatchNorm = Annotated[
    Literal["eval", "batch"], Field(description="teachers' BatchNorm: running statistics, or each batch's own")
]
Standardise = Annotated[
    Literal["none", "channel", "phi_s"],
    Field(description="how teacher features are standardised, by statistics of the training split (PHI-S)"),
]
OutputWeight = Annotated[
    float, Field(ge=0, description="weight of output distillation: softened classes, depth, normals")
]
Temperature = Annotated[float, Field(gt=0, description="of the softened classes (Hinton et al. 2015)")]
Dropout = Annotated[
    Share, Field(description="probability that a step leaves a teacher out; the one with the largest loss stays (UNIC)")
]
DropoutBy = Annotated[
    Literal["batch", "image"], Field(description="whether teachers are drawn for the batch or for each image (UNIC)")
]
Adaptive = Annotated[
    Share,
    Field(description="rate, per epoch, at which lambdas follow the student's loss over the teacher's (JointDistill)"),
]


@REGIMES.register(
    traits=Traits(needs_trained_teachers=True, aligns_features=True, trains_networks=False, static_graph=True)
)
def offline(
    setup: Setup,
    levels: LevelList,
    weights: Lambdas,
    adaptor_optimiser: AdaptorOptimiser,
    adaptor_schedule: AdaptorSchedule,
    ladder: Ladder = False,
    inverted: Inverted = False,
    standardise: Standardise = "none",
    output_weight: OutputWeight = 0.0,
    temperature: Temperature = 4.0,
    teacher_dropout: Dropout = 0.0,
    teacher_dropout_by: DropoutBy = "batch",
    adaptive_weights: Adaptive = 0.0,
    fade_in: PullFadeIn = 0.0,
    adaptor_warmup: AdaptorWarmup = 0.0,
    include_in_weighting: IncludeInWeighting = False,
    teacher_batchnorm: BatchNorm = "eval",
) -> OfflineDistillation:
    """Align the student's features with those of frozen teachers and, with ``output_weight``, distil their outputs.

    Raises:
        UserError: nothing to learn from, levels that a network lacks, or options that contradict each other.
    """
    pairs = _levels(setup, read_levels(levels))
    networks = {name: teacher.network for name, teacher in setup.teachers.items()}
    distilled = {name for name, network in networks.items() if name in network.heads} if output_weight else set()
    refuse_idle_teachers([name for name in networks if pairs[name] or name in distilled], list(networks))
    return OfflineDistillation(
        FrozenTeachers(
            networks,
            {name: set(by_level.values()) for name, by_level in pairs.items()},
            teacher_batchnorm,
            {name: teacher.size for name, teacher in setup.teachers.items() if teacher.size},
        ),
        setup.tasks,
        Options(output_weight, temperature, teacher_dropout, adaptive_weights, teacher_dropout_by),
        **_cache(setup, teacher_batchnorm),
        alignment=setup.alignment(
            networks,
            {name: by_level for name, by_level in pairs.items() if by_level},
            ladder=ladder, inverted=inverted, standardise=standardise,
        ),
        weights=weights,
        adaptors=adaptor_optimiser.training(adaptor_schedule),
        include_in_weighting=include_in_weighting,
        pull=Pull(fade_in, adaptor_warmup),
    )  # fmt: skip


def _levels(setup: Setup, usual: Levels) -> dict[str, Levels]:
    """Return each teacher's levels, after a check that its images fit it."""
    for name, teacher in setup.teachers.items():
        mend = f"size: [{{}}] in teacher.{name}, to which images are then resized for it"
        teacher.network.check_size(teacher.size or setup.image_size, f"teacher {name}", mend)
    return {name: _levels_of(name, teacher, usual) for name, teacher in setup.teachers.items()}


def _levels_of(name: str, teacher: TeacherNetwork, usual: Levels) -> Levels:
    """Return a teacher's own levels, or the usual ones, of which one without a task may lack some."""
    if teacher.levels is not None:
        return teacher.levels
    if not teacher.features_only:
        return usual
    present = {s: t for s, t in usual.items() if t in teacher.network.trunk.channels}
    if not present:
        raise UserError(
            f"teacher.{name} has none of the levels {', '.join(usual.values())}",
            f"its levels are {', '.join(teacher.network.trunk.channels)}",
            f"teacher.{name}.levels=[STUDENT_LEVEL:TEACHER_LEVEL]",
        )
    return present


def _cache(setup: Setup, batchnorm: str) -> Mapping[str, Any]:
    """Return the options of the feature cache; raises UserError where features are not the same every time."""
    if not setup.cache_capacity:
        return {}
    if setup.views is None or setup.views > 2:
        why = f"an image has {setup.views} views, and only as it is and mirrored is it cached"
        if setup.views is None:
            why = "it gives unlimited views of an image, so no cached feature would be used again"
        raise UserError(
            "teacher_cache cannot work with this augmentation",
            why,
            "augmentation=flip, augmentation=none or teacher_cache=0",
        )
    if batchnorm == "batch":
        raise UserError(
            "teacher_cache cannot work with distillation.teacher_batchnorm=batch",
            "such a teacher's features of an image depend on the rest of the batch",
            "distillation.teacher_batchnorm=eval or teacher_cache=0",
        )
    return {"views": setup.views, "cache_capacity": setup.cache_capacity}
