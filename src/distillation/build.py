"""From a resolved config to a regime of distillation."""

from collections.abc import Mapping
from typing import Any

import torch
from hydra.utils import instantiate

from src.distillation.alignment import Alignment
from src.distillation.base import AdaptorTraining, Distillation
from src.distillation.checks import (
    refuse_cache,
    refuse_idle_teachers,
    refuse_misfit,
    refuse_offline_options,
    refuse_unknown_weights,
)
from src.distillation.levels import Levels, read_levels
from src.distillation.offline import Offline, Options
from src.distillation.online import Online
from src.distillation.teachers import FrozenTeachers
from src.errors import UserError
from src.models.base import MultiTaskNetwork
from src.runs.teacher import Teacher
from src.runs.weights import build_network
from src.tasks.base import Task
from src.values import require_not_negative

Config = Mapping[str, Any]
REGIMES = ("none", "offline", "online")


def regime(config: Config) -> str:
    """Name the regime of a student's config: none, offline or online; raises UserError for another."""
    named = str(config["distillation"]["regime"])
    if named not in REGIMES:
        raise UserError(f"distillation.regime={named} is unknown", f"choose one of {', '.join(REGIMES)}")
    return named


def build_distillation(
    config: Config, network: MultiTaskNetwork, tasks: Mapping[str, Task], teachers: Mapping[str, Teacher]
) -> Distillation | None:
    """Build the regime that the config names: its teachers, and the adaptors between them and the student.

    Raises:
        UserError: nothing to learn from, levels that a network lacks, or options that the regime does not have.
    """
    named = regime(config)
    if named == "none":
        return None
    build = _online if named == "online" else _offline
    return build(config, network, tasks, teachers)


def _online(
    config: Config, network: MultiTaskNetwork, tasks: Mapping[str, Task], teachers: Mapping[str, Teacher]
) -> Online:
    settings = config["distillation"]
    refuse_offline_options(settings, config["teacher"], config["teacher_cache"])
    refuse_unknown_weights(settings["weights"], tasks)
    singles = {name: build_network(config["model"], {name: task}) for name, task in tasks.items()}
    levels = read_levels(settings["levels"])
    refuse_idle_teachers(list(singles) if levels else [], list(singles))
    alignment = _alignment(config, network, singles, dict.fromkeys(singles, levels))
    tau = float(settings["task_weight_temperature"])
    return Online(singles, tasks, tau, alignment=alignment, **_common(settings))


def _offline(
    config: Config, network: MultiTaskNetwork, tasks: Mapping[str, Task], teachers: Mapping[str, Teacher]
) -> Offline:
    settings = config["distillation"]
    options = Options(*(float(settings[key]) for key in ("predictions", "temperature", "drop", "feedback")))
    refuse_unknown_weights(settings["weights"], [*tasks, *teachers])
    networks = {name: teacher.open() for name, teacher in teachers.items()}
    usual = read_levels(settings["levels"])
    levels = {name: _levels_of(name, teacher, networks[name], usual) for name, teacher in teachers.items()}
    imitated = {name for name in networks if name in networks[name].heads} if options.predictions else set()
    refuse_idle_teachers([name for name in networks if levels[name] or name in imitated], list(networks))
    sizes = {name: teacher.size for name, teacher in teachers.items() if teacher.size}
    for name, teacher_network in networks.items():
        refuse_misfit(name, teacher_network.trunk.divisor, sizes.get(name, config["dataset"]["size"]))
    aligned = {name: set(pairs.values()) for name, pairs in levels.items()}
    frozen = FrozenTeachers(networks, aligned, settings["teacher_batchnorm"], sizes)
    alignment = _alignment(config, network, networks, {name: pairs for name, pairs in levels.items() if pairs})
    return Offline(frozen, tasks, options, **_cache(config), alignment=alignment, **_common(settings))


def _cache(config: Config) -> dict[str, Any]:
    room = config["teacher_cache"]
    require_not_negative(teacher_cache=room)
    if not room:
        return {}
    augmentation = instantiate(config["augmentation"])
    refuse_cache(augmentation, config["distillation"]["teacher_batchnorm"])
    return {"views": augmentation.views, "room": float(room)}


def _common(settings: Config) -> dict[str, Any]:
    adaptors = AdaptorTraining(settings["adaptor_optimiser"], instantiate(settings["adaptor_schedule"]))
    return {"weights": settings["weights"], "balanced": settings["balanced"], "adaptors": adaptors}


def _alignment(
    config: Config, student: MultiTaskNetwork, teachers: Mapping[str, MultiTaskNetwork], levels: Mapping[str, Levels]
) -> Alignment:
    for level in {level for pairs in levels.values() for level in pairs}:
        student.check_level(level)
    for name, pairs in levels.items():
        for level in pairs.values():
            teachers[name].check_level(level)
    settings = config["distillation"]
    torch.manual_seed(config["seed"])  # so that adaptors start alike whatever networks were built before
    return Alignment(
        student.trunk.channels,
        {name: teacher.trunk.channels for name, teacher in teachers.items()},
        levels,
        instantiate(config["adaptor"]),
        instantiate(config["distance"]),
        **{key: settings[key] for key in ("ladder", "inverted", "standardise")},
    )


def _levels_of(name: str, teacher: Teacher, network: MultiTaskNetwork, usual: Levels) -> Levels:
    """The teacher's own levels, or the usual ones; one without a task is aligned where it has such a level."""
    if teacher.levels is not None:
        return teacher.levels
    if not teacher.features_only:
        return usual
    present = {s: t for s, t in usual.items() if t in network.trunk.channels}
    if not present:
        raise UserError(
            f"teacher.{name} has none of the levels {', '.join(usual.values())}",
            f"its levels are {', '.join(network.trunk.channels)}",
            f"+teacher.{name}.levels=[STUDENT_LEVEL:TEACHER_LEVEL]",
        )
    return present
