"""Finds the trained teachers that fit a student."""

import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from src.foundation.errors import UserError
from src.runs.record import Run, find_runs, read_run
from src.runs.teacher import Teacher, read_size, teacher_from_file, teacher_from_library, with_levels
from src.runs.teacher_choice import CHOICES, PROXY, conditions_of, read_entry, refuse_other_labels, refuse_unknown
from src.runs.teacher_ranking import Student, extent, mismatches, most_alike, serves

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
    student: Student,
    settings: Mapping[str, Any],
    overrides: Sequence[str],
    model_option: Callable[[str], Mapping[str, Any]],
) -> dict[str, Teacher]:
    """Find a teacher for each task, and whatever other teachers the config names.

    Args:
        root: folder that is searched for runs. Of those that fit, the one trained with the student's own settings is
            taken, else the longest trained; the newest of several.
        tasks: the student's tasks.
        student: what a teacher must share with the student, and the student's configuration.
        settings: the config's ``teacher``: model, size and seed where they differ, the proxy that teaches every task
            without an entry, and an entry per teacher by name.
        overrides: the command's overrides, from which the commands that train missing ones are made.
        model_option: returns the configuration of an option of ``model``.

    Raises:
        UserError: teachers that are missing or do not fit; it names them and prints the commands.
    """
    general = {key: settings.get(key) for key in CHOICES}
    if general["size"] is not None:
        read_size("teacher.size", general["size"])
    proxy = settings.get(PROXY)
    entries = {} if proxy is None else dict.fromkeys(tasks, proxy)
    entries |= {name: entry for name, entry in settings.items() if name not in (*CHOICES, PROXY)}
    runs = [run for run in find_runs(root) if run.record["stage"] == "teacher"]
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
        refuse_other_labels(student.shared, choice)
        conditions = conditions_of(student.shared, choice)
        candidates = [run for run in runs if run.record["task"] == name]
        if fitting := [run for run in candidates if serves(run, student) and not mismatches(run.record, conditions)]:
            found[name] = with_levels(most_alike(fitting, student), levels)
        else:
            reasons[name] = _why_none(candidates, conditions)
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
    student: Student,
    model_option: Callable[[str], Mapping[str, Any]],
) -> Teacher | None:
    """Return the teacher that an entry names; None where the entry holds only conditions."""
    if "network" in entry:
        return teacher_from_library(name, entry, model_option)
    if "from" not in entry:
        return None
    refuse_unknown(name, entry, tasks=[name], known=("from",))
    return _given(name, str(entry["from"]), student)


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


def _given(name: str, where: str, student: Student) -> Teacher:
    """Open the teacher that the path ``where`` names, of the same dataset name and classes, whole or not.

    The run may have trained ``name`` alone or among other tasks.
    """
    path, dataset = Path(where), student.shared["dataset"]
    if not path.is_dir():
        return teacher_from_file(name, path, dataset)
    try:
        run = read_run(path)
    except UserError as error:
        raise UserError(f"teacher.{name}={where} is not a teacher of {name}", error.what) from error
    if name not in run.record["task_configs"]:
        solved = ", ".join(run.record["task_configs"])
        raise UserError(f"teacher.{name}={where} is not a teacher of {name}", f"the run in it learned {solved}")
    same_size = run.record["dataset"]["size"] == dataset["size"]
    conditions = {
        "dataset": dataset
        if same_size
        else {key: dataset[key] for key in ("name", "classes", "label") if key in dataset}
    }
    if wrong := mismatches(run.record, conditions):
        raise UserError(f"teacher.{name}={where} does not fit", "; ".join(wrong))
    if run.record["status"] == "running" or not (path / "weights.pt").exists():
        raise UserError(f"teacher.{name}={where} has no weights", f"its status is {run.record['status']}")
    return most_alike([run], student)


def _why_none(candidates: Sequence[Run], conditions: Mapping[str, Any]) -> str:
    """Explain why no candidate is used, by the one that differs least from ``conditions``."""
    if not candidates:
        return "none was trained"
    nearest = min(reversed(candidates), key=lambda run: len(mismatches(run.record, conditions)))
    if not nearest.finished:
        named = f"teacher.{nearest.record['task']}={nearest.path}"
        return f"{nearest.path} is no whole run ({extent(nearest)}); {named} takes it nevertheless"
    return f"{nearest.path} does not fit: {'; '.join(mismatches(nearest.record, conditions))}"
