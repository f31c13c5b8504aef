"""Finds the trained teachers that fit a student."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from src.errors import UserError
from src.runs.record import Run, find_runs, read_run

STUDENT_ONLY = (
    "stage=",
    "task=",
    "tasks=",
    "distillation",
    "adaptor",
    "distance",
    "loss_weights",
    "teachers",
    "resume",
)


def find_teachers(
    root: Path, wanted: Mapping[str, Mapping[str, Any]], given: Mapping[str, str], overrides: Sequence[str]
) -> dict[str, Run]:
    """Find the newest finished teacher of each task that matches the student's data, network and seed.

    Args:
        root: where runs are looked for.
        wanted: task -> what a teacher's record must say (dataset, model, seed).
        given: task -> run directory, for teachers named by the user.
        overrides: the command's overrides, from which the commands that train missing ones are made.

    Raises:
        UserError: teachers that are missing or do not fit; it names them and prints the commands.
    """
    runs = [run for run in find_runs(root) if run.about.get("stage") == "teacher"]
    found: dict[str, Run] = {}
    reasons: dict[str, str] = {}
    for task, conditions in wanted.items():
        candidates = [run for run in runs if run.about.get("task") == task]
        if task in given:
            candidates = [_given(task, given[task])]
        fitting = [run for run in candidates if run.finished and not mismatches(run.about, conditions)]
        if fitting:
            found[task] = fitting[-1]
        else:
            reasons[task] = _why_none(candidates, conditions)
    if reasons:
        raise UserError(
            f"no teacher for {', '.join(reasons)}",
            "\n        ".join(f"{task}: {reason}" for task, reason in reasons.items()),
            "\n".join(teacher_command(task, overrides) for task in reasons),
        )
    return found


def mismatches(about: Mapping[str, Any], conditions: Mapping[str, Any]) -> list[str]:
    """Say in what a run's record differs from ``conditions``; nested keys are compared one by one."""
    differences = []
    for key, value in conditions.items():
        have = about.get(key)
        if isinstance(value, Mapping) and isinstance(have, Mapping):
            differences += [f"{key}.{inner}" for inner in mismatches(have, value)]
        elif have != value:
            differences.append(f"{key} is {_short(have)}, not {_short(value)}")
    return differences


def teacher_command(task: str, overrides: Sequence[str]) -> str:
    """Give the command that trains the teacher of ``task`` under the same overrides."""
    kept = [f"'{o}'" if set(o) & set("[]{}*? ") else o for o in overrides if not o.lstrip("+").startswith(STUDENT_ONLY)]
    return " ".join(["python -m src.train stage=teacher", f"task={task}", *kept])


def _given(task: str, path: str) -> Run:
    run = read_run(Path(path))
    if run is None or run.about.get("stage") != "teacher" or run.about.get("task") != task:
        raise UserError(f"teachers.{task}={path} is not a teacher of {task}", "the directory holds no such run")
    return run


def _why_none(candidates: Sequence[Run], conditions: Mapping[str, Any]) -> str:
    if not candidates:
        return "none was trained"
    newest = candidates[-1]
    if not newest.finished:
        return f"{newest.path} has not finished (status {newest.about.get('status')})"
    return f"{newest.path} does not fit: {'; '.join(mismatches(newest.about, conditions))}"


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 60 else text[:57] + "..."
