"""Which of several trained teachers deserves a student: the one most like it, else the longest trained."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from src.foundation.errors import UserError
from src.foundation.validation import short
from src.models.base import FINE_TUNING
from src.runs.canonical import Configuration, differences, flattened
from src.runs.identity import setting_of
from src.runs.record import Run
from src.runs.teacher import Teacher, teacher_from_run

FEW = 4
"""Most differences that a line tells."""


@dataclass(frozen=True)
class Student:
    """What a student asks of its teachers.

    Args:
        shared: values that a teacher's record must have too: dataset, model, seed, supervision, debug.
        configuration: the student's canonical configuration.
    """

    shared: Mapping[str, Any]
    configuration: Configuration


def serves(run: Run, student: Student) -> bool:
    """Whether a run is whole, or of a debug student's kind, which learns from what debug runs have trained."""
    return run.finished or ("debug" not in student.shared and run.record["status"] == "partial")


def most_alike(runs: Sequence[Run], student: Student) -> Teacher:
    """Return the teacher of the run, of those given oldest first, that was trained most like the student."""

    def rank(run: Run) -> tuple[bool, int, int, str]:
        differs = training_differences(run, student.configuration)
        return not differs, int(run.record["epochs"]), -len(differs), str(run.record["started"])

    run = max(runs, key=rank)
    differs = training_differences(run, student.configuration)
    return teacher_from_run(run, student.shared["dataset"]["size"], differs, _remark(run, differs, student))


def training_differences(teacher: Run, student: Mapping[str, Any]) -> dict[str, Any]:
    """Return the training settings in which a teacher differs from a student of canonical configuration ``student``.

    Another network is one difference, its name.
    """
    try:
        differs = differences(setting_of(teacher.configuration), setting_of(student))
    except UserError as error:
        return {"settings": error.what}
    tuned = {f"model.{option}" for option in FINE_TUNING}
    of_model = [key for key in differs if key.startswith("model.") and key not in tuned]
    implied = {*of_model, *(("dataset.content", "dataset.train_images") if "dataset.size" in differs else ())}
    others = {key: value for key, value in differs.items() if key not in implied}
    return others | ({"model": teacher.record["names"]["model"]} if of_model else {})


def mismatches(record: Mapping[str, Any], conditions: Mapping[str, Any]) -> list[str]:
    """Describe how a run's record differs from ``conditions``; nested keys are compared one by one."""
    found = []
    for key, value in conditions.items():
        have = record.get(key)
        if isinstance(value, Mapping) and isinstance(have, Mapping):
            found += [f"{key}.{inner}" for inner in mismatches(have, value)]
        elif have != value:
            found.append(f"{key} is {short(have)}, not {short(value)}")
    return found


def extent(run: Run) -> str:
    """Describe how much of its training a run has done: ``16 epochs``, ``interrupted, 3 of 16 epochs``."""
    record, training = run.record, run.record.get("training") or {}
    planned = record["epochs"]
    if run.finished:
        return f"{planned} epoch{'' if planned == 1 else 's'}"
    how = [f"debug={record['debug']}"] if record.get("debug") else []
    how.append(str(training.get("ended") or record["status"]) if record["status"] == "partial" else record["status"])
    missing = [f"{count} {split}" for split, count in (training.get("left_out") or {}).items()]
    left_out = f", without {', '.join(missing)} batches" if missing else ""
    return f"{', '.join(how)}, {training.get('epochs', '?')} of {planned} epochs{left_out}"


def _remark(run: Run, differs: Mapping[str, Any], student: Student) -> str:
    """Say how long and how well a teacher was trained, and in what its training differs from the student's."""
    results = {key: run.results.get(key) for key in run.record.get("primary_metrics", ())}
    scores = [f"{key.partition('/')[2]} {value:.4g}" for key, value in results.items() if value is not None]
    told = ", ".join([extent(run), *scores])
    ours = flattened(student.configuration)
    lines = [f"{key} {short(v)}" + (f", not {short(ours[key])}" if key in ours else "") for key, v in differs.items()]
    more = [f"and {len(lines) - FEW} more"] if len(lines) > FEW else []
    return f"{told}; trained otherwise: {'; '.join([*lines[:FEW], *more])}" if lines else told
