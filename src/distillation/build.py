"""From a resolved config to a regime of distillation."""

from collections.abc import Mapping
from typing import Any

import torch
from hydra.utils import instantiate

from src.distillation.alignment import Alignment
from src.distillation.base import AdaptorTraining, Distillation
from src.distillation.levels import Levels, read_levels
from src.distillation.offline import Offline, Options
from src.distillation.online import Online
from src.distillation.teachers import FrozenTeachers
from src.errors import UserError
from src.models.base import MultiTaskNetwork
from src.runs.teacher import Teacher
from src.runs.weights import build_network
from src.tasks.base import Task

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
    settings = config["distillation"]
    named = regime(config)
    if named == "none":
        return None
    usual = read_levels(settings["levels"])
    schedule = instantiate(settings["adaptor_schedule"])
    common = {
        "weights": settings["weights"],
        "balanced": settings["balanced"],
        "adaptors": AdaptorTraining(settings["adaptor_optimiser"], schedule),
    }
    if named == "online":
        _refuse_offline_options(settings)
        singles = {name: build_network(config["model"], {name: task}) for name, task in tasks.items()}
        alignment = _alignment(config, network, singles, dict.fromkeys(singles, usual))
        return Online(singles, tasks, settings["task_weight_temperature"], alignment=alignment, **common)
    if not teachers:
        raise UserError("every teacher is left out", "there is nothing to distil from", "distillation=none")
    networks = {name: teacher.open() for name, teacher in teachers.items()}
    levels = {name: _levels_of(name, teacher, networks[name], usual) for name, teacher in teachers.items()}
    aligned = {name: set(pairs.values()) for name, pairs in levels.items()}
    sizes = {name: teacher.size for name, teacher in teachers.items() if teacher.size}
    frozen = FrozenTeachers(networks, aligned, settings["teacher_batchnorm"], sizes)
    options = Options(*(float(settings[key]) for key in ("predictions", "temperature", "drop", "feedback")))
    if not options.predictions and not any(levels.values()):
        raise UserError(
            "there is nothing to distil", "no feature level is aligned and predictions are not imitated",
            "distillation=none, or distillation.predictions=1",
        )  # fmt: skip
    alignment = _alignment(config, network, networks, {name: pairs for name, pairs in levels.items() if pairs})
    return Offline(frozen, tasks, options, alignment=alignment, **common)


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


def _refuse_offline_options(settings: Config) -> None:
    usual = {"standardise": "none", "predictions": 0, "drop": 0, "feedback": 0}
    asked = [key for key, off in usual.items() if settings[key] != off]
    if asked:
        raise UserError(
            f"distillation.{asked[0]}={settings[asked[0]]} does not go with online distillation",
            "it belongs to teachers that are trained and frozen",
            f"distillation.{asked[0]}={usual[asked[0]]}, or distillation=matched",
        )
