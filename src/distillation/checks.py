"""Combinations of options that say something which would not happen."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from src.data.augmentation import Augmentation
from src.errors import UserError
from src.values import CONF


def refuse_offline_options(settings: Mapping[str, Any], teacher: Mapping[str, Any], cache: float) -> None:
    """Raise UserError where an option of frozen teachers is set for online distillation."""
    usual = {"standardise": "none", "predictions": 0, "drop": 0, "feedback": 0, "teacher_batchnorm": "eval"}
    asked = {f"distillation.{key}": (settings[key], off) for key, off in usual.items() if settings[key] != off}
    asked |= {f"teacher.{key}": (value, "null") for key, value in teacher.items() if value is not None}
    asked |= {"teacher_cache": (cache, 0)} if cache else {}
    for key, (value, off) in asked.items():
        raise UserError(
            f"{key}={value} does not go with online distillation",
            "it belongs to teachers that are trained and frozen",
            f"{key}={off}, or distillation=matched",
        )


def refuse_unknown_weights(weights: Mapping[str, Any], known: Collection[str]) -> None:
    """Raise UserError for a lambda of what is neither a teacher nor any task that there is."""
    tasks = {file.stem for file in (CONF / "task").glob("*.yaml")}
    unknown = [name for name in weights if name not in known and name not in tasks]
    if unknown:
        raise UserError(
            f"distillation.weights.{unknown[0]} weighs no teacher",
            f"the teachers are {', '.join(known)}",
            f"distillation.weights.{next(iter(known))}={weights[unknown[0]]}",
        )


def refuse_cache(augmentation: Augmentation, teacher_batchnorm: str) -> None:
    """Raise UserError where what a teacher says of an image is not the same every time it is asked."""
    if augmentation.views is None:
        raise UserError(
            "teacher_cache cannot work with this augmentation",
            "random crops give no end of views of an image, so nothing that is kept would be asked for again",
            "augmentation=flip, augmentation=none or teacher_cache=0",
        )
    if teacher_batchnorm == "batch":
        raise UserError(
            "teacher_cache cannot work with distillation.teacher_batchnorm=batch",
            "what such a teacher sees in an image depends on the rest of the batch",
            "distillation.teacher_batchnorm=eval or teacher_cache=0",
        )


def refuse_idle_teachers(used: Sequence[str], teachers: Sequence[str]) -> None:
    """Raise UserError where there is nothing to distil, or a teacher of which nothing is used."""
    if not teachers:
        raise UserError("every teacher is left out", "there is nothing to distil from", "distillation=none")
    if not used:
        raise UserError(
            "there is nothing to distil", "no feature level is aligned and no prediction is imitated",
            "distillation=none, or distillation.predictions=1",
        )  # fmt: skip
    idle = [name for name in teachers if name not in used]
    if idle:
        raise UserError(
            f"nothing of teacher {idle[0]} is used",
            "no level of it is aligned and no prediction of it is imitated",
            f"+teacher.{idle[0]}=none, or give it levels",
        )


def refuse_misfit(name: str, divisor: int, size: Sequence[int]) -> None:
    """Raise UserError where images of ``size`` (H, W) do not pass a teacher that wants multiples of ``divisor``."""
    if any(length % divisor for length in size):
        fitting = ",".join(str(-(-length // divisor) * divisor) for length in size)
        raise UserError(
            f"images of {size[0]}x{size[1]} do not fit teacher {name}",
            f"height and width must be multiples of {divisor}",
            f"size: [{fitting}] in teacher.{name}, to which images are then resized for it",
        )
