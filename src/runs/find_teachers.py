"""Finds the trained teachers that fit a student."""

import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from src.foundation.errors import UserError
from src.runs.record import Run, find_runs, read_run
from src.runs.teacher import Teacher, read_size, teacher_from_file, teacher_from_library, teacher_from_run, with_levels
from src.runs.teacher_choice import CHOICES, conditions_of, read_entry, refuse_other_labels, refuse_unknown

STUDENT_ONLY = (
    "stage=",
    "task=",
    "tasks=",
    "distillation",
    "adaptor",
    "distance",
    "loss_weights",
    "teacher",
    "resume",
    "label=",
    "reuse=",
    "probe.",
)


def find_teachers(
    root: Path,
    tasks: Sequence[str],
    student: Mapping[str, Any],
    settings: Mapping[str, Any],
    overrides: Sequence[str],
    model_option: Callable[[str], Mapping[str, Any]],
) -> dict[str, Teacher]:
    """Find a teacher for each task, and whatever other teachers the config names.

    Args:
        root: folder that is searched for runs; the newest finished one that fits is used.
        tasks: the student's tasks.
        student: default conditions on a teacher's record: the student's dataset, model, seed, supervision, debug.
        settings: the config's ``teacher``: model, size and seed where they differ, and an entry per teacher by name.
        overrides: the command's overrides, from which the commands that train missing ones are made.
        model_option: returns the configuration of an option of ``model``.

    Raises:
        UserError: teachers that are missing or do not fit; it names them and prints the commands.
    """
    general = {key: settings.get(key) for key in CHOICES}
    if general["size"] is not None:
        read_size("teacher.size", general["size"])
    entries = {name: entry for name, entry in settings.items() if name not in CHOICES}
    runs = [run for run in find_runs(root) if run.record.get("stage") == "teacher"]
    found: dict[str, Teacher] = {}
    reasons: dict[str, str] = {}
    commands: list[str] = []
    for name in dict.fromkeys([*tasks, *entries]):
        entry = read_entry(name, entries.get(name, {}))
        if entry is None:
            continue
        levels = entry.pop("levels", None)
        if teacher := _named(name, entry, student, model_option):
            found[name] = with_levels(teacher, levels)
            continue
        choice = general | {key: value for key, value in entry.items() if value is not None}
        refuse_unknown(name, choice, tasks)
        refuse_other_labels(student, choice)
        conditions = conditions_of(student, choice)
        if fitting := _fitting(runs, name, conditions):
            found[name] = with_levels(teacher_from_run(fitting[-1], student["dataset"]["size"]), levels)
        else:
            reasons[name] = _why_none([run for run in runs if run.record.get("task") == name], conditions)
            commands.append(teacher_command(name, overrides, choice))
    if reasons:
        raise UserError(
            f"no teacher for {', '.join(reasons)}",
            "\n        ".join(f"{name}: {reason}" for name, reason in reasons.items()),
            "\n".join(commands),
        )
    return found


def _named(
    name: str,
    entry: Mapping[str, Any],
    student: Mapping[str, Any],
    model_option: Callable[[str], Mapping[str, Any]],
) -> Teacher | None:
    """Return the teacher that an entry names; None where the entry holds only conditions."""
    if "network" in entry:
        return teacher_from_library(name, entry, model_option)
    if "from" not in entry:
        return None
    refuse_unknown(name, entry, tasks=[name], known=("from",))
    return _given(name, str(entry["from"]), student)


def mismatches(record: Mapping[str, Any], conditions: Mapping[str, Any]) -> list[str]:
    """Describe how a run's record differs from ``conditions``; nested keys are compared one by one."""
    differences = []
    for key, value in conditions.items():
        have = record.get(key)
        if isinstance(value, Mapping) and isinstance(have, Mapping):
            differences += [f"{key}.{inner}" for inner in mismatches(have, value)]
        elif have != value:
            differences.append(f"{key} is {_short(have)}, not {_short(value)}")
    return differences


def teacher_command(task: str, overrides: Sequence[str], choice: Mapping[str, Any] | None = None) -> str:
    """Return the command that trains the teacher of ``task`` under the same overrides but for ``choice``."""
    choice = choice or {}
    options = {"model": "model=", "size": "dataset.size=", "seed": "seed="}
    dropped = [*STUDENT_ONLY, *(options[key] for key in options if choice.get(key) is not None)]
    if choice.get("model") is not None:
        dropped.append("model.")  # values of another network
    if any(o.startswith("labels=") for o in overrides):
        dropped.remove("tasks=")  # the tasks share the labels
    kept = [o for o in overrides if not o.lstrip("+").startswith(tuple(dropped))]
    kept += [f"{options[key]}{choice[key]}".replace(" ", "") for key in options if choice.get(key) is not None]
    return "python -m src.train " + shlex.join(["stage=teacher", f"task={task}", *kept])


def _fitting(runs: Sequence[Run], task: str, conditions: Mapping[str, Any]) -> list[Run]:
    """List the finished runs of ``task`` whose records meet ``conditions``."""
    return [
        run
        for run in runs
        if run.record.get("task") == task and run.finished and not mismatches(_known(run), conditions)
    ]


def _given(name: str, where: str, student: Mapping[str, Any]) -> Teacher:
    """Open the teacher that the path ``where`` names, of the same task, dataset name and classes."""
    path = Path(where)
    if not path.is_dir():
        return teacher_from_file(name, path, student["dataset"])
    run = read_run(path)
    if run is None or run.record.get("stage") != "teacher" or run.record.get("task") != name:
        raise UserError(f"teacher.{name}={where} is not a teacher of {name}", "the directory holds no such run")
    dataset = student["dataset"]
    same_size = run.record["dataset"].get("size") == dataset["size"]
    conditions = {"dataset": dataset if same_size else {key: dataset[key] for key in ("name", "classes")}}
    conditions |= {"debug": student["debug"]} if "debug" in student else {}
    if not run.finished or mismatches(run.record, conditions):
        raise UserError(f"teacher.{name}={where} does not fit", _why_none([run], conditions))
    return teacher_from_run(run, dataset["size"])


def _known(run: Run) -> dict[str, Any]:
    """Return a run's record; where an older one lacks the supervision, it was full."""
    return {"supervision": "full"} | dict(run.record)


def _why_none(candidates: Sequence[Run], conditions: Mapping[str, Any]) -> str:
    """Explain why no candidate is used, by the one that differs least from ``conditions``."""
    if not candidates:
        return "none was trained"
    nearest = min(reversed(candidates), key=lambda run: len(mismatches(_known(run), conditions)))
    if not nearest.finished:
        return f"{nearest.path} has not finished (status {nearest.record.get('status')})"
    return f"{nearest.path} does not fit: {'; '.join(mismatches(_known(nearest), conditions))}"


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 60 else text[:57] + "..."
