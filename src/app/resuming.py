"""The configuration that a run trains with: the command's, or for one that is resumed the one it began with."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from src.app import command
from src.app.command import Invocation
from src.app.configuration.train import TrainConfig
from src.app.outcome import refuse_to_resume
from src.app.paths import absolute, found_again, with_found_weights, with_paths
from src.distillation.base import REGIMES
from src.foundation.errors import UserError
from src.foundation.part_options import TARGET
from src.runs import directory
from src.runs.record import Run, read_run
from src.runs.teacher import Teacher


def begun(invocation: Invocation[TrainConfig]) -> tuple[TrainConfig, dict[str, Any]]:
    """Return the configuration of a new run, with the paths that it records absolute."""
    values = with_paths(invocation.values, absolute)
    return command.read_checked(TrainConfig, values, [], None), values


def resumed(invocation: Invocation[TrainConfig], folder: Path) -> tuple[TrainConfig, dict[str, Any]] | None:
    """Read the configuration that a resumed run keeps, its teachers included; None for a new run."""
    again = invocation.config.resume is None and directory.restarted() and (folder / "config.yaml").exists()
    if invocation.config.resume is None and not again:
        return None
    saved = folder / "config.yaml"
    if not saved.exists() or not (folder / "run.json").exists():
        raise UserError(f"there is no run to resume in {folder}", "it holds no run.json and config.yaml")
    run = read_run(folder)
    if run.finished:
        raise UserError(f"{folder} has finished", "there is nothing left to resume")
    kept = ("resume=", "stage=", "paths.", "extensions=")
    others = [override for override in invocation.overrides if not override.startswith(kept)]
    if others and not again:
        raise UserError(
            f"a resumed run keeps its settings, so {', '.join(others)} cannot be set", mend="start a new run"
        )
    return saved_configuration(run, invocation)


def saved_configuration(run: Run, invocation: Invocation[TrainConfig]) -> tuple[TrainConfig, dict[str, Any]]:
    """Read the configuration that a run began with; raises UserError for one that cannot be read."""
    folder, saved = run.path, run.path / "config.yaml"
    try:
        values: Any = yaml.safe_load(saved.read_text())
    except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
        raise UserError(
            f"{saved} cannot be read", f"{type(error).__name__}: {error}".split("\n")[0], "begin anew"
        ) from error
    if not isinstance(values, dict) or "probe" not in values or "label" not in (values.get("dataset") or {}):
        raise UserError(f"{folder} was begun by an older version", "its config lacks what is needed now", "begin anew")
    values |= _lists_of_single_parts(values)
    values |= {"resume": str(folder), "reuse": False, "extensions": invocation.config.extensions}
    config = command.read_checked(TrainConfig, values, [], None)
    refuse_to_resume(run, config.trainer.max_steps)
    if config.stage.name == "student" and REGIMES.traits(config.distillation).needs_trained_teachers:
        # the value of ``teacher`` that finds exactly the run's own teachers
        values["teacher"] = {"model": None, "size": None, "seed": None, "proxy": None} | dict.fromkeys(
            config.tasks, "none"
        )
        values["teacher"] |= run.record["teachers"]
    find = found_again(run.record, folder, _moved(invocation, values))
    values = with_paths(values, find)
    return command.read_checked(TrainConfig, with_found_weights(values, run.record, find), [], None), values


def refuse_others(record: Mapping[str, Any], dataset: Mapping[str, Any], teachers: Mapping[str, Teacher]) -> None:
    """Raise UserError where data or teachers are not those that the run of ``record`` began with."""
    described = record.get("dataset")
    content = described.get("content", dataset["content"]) if isinstance(described, dict) else dataset["content"]
    if content != dataset["content"]:
        raise UserError(
            "the training data are not those that the run began with",
            f"their digest was {content} and is {dataset['content']}",
            "paths.data=FOLDER where they are, or begin anew",
        )
    before, now = record.get("teacher_digests"), {name: teacher.digest for name, teacher in teachers.items()}
    changed = [name for name in now if isinstance(before, dict) and before.get(name) != now[name]]
    if changed:
        raise UserError(
            f"the teacher of {', '.join(changed)} is not the one that the run began with",
            "; ".join(f"{name}: {teachers[name]}" for name in changed),
            "begin anew",
        )


def _lists_of_single_parts(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return by name the tracker and the transform of a configuration that was written when there was one of each."""
    found: dict[str, Any] = {}
    for group in ("logger", "augmentation"):
        if isinstance(part := values.get(group), dict) and isinstance(part.get(TARGET), str):
            found[group] = {part[TARGET]: part}
    if isinstance(names := values.get("names"), dict) and isinstance(name := names.get("augmentation"), str):
        found["names"] = {group: option for group, option in names.items() if group != "augmentation"}
        found["augmentation"] = {} if name == "none" else {name: values.get("augmentation")}
    return found


def _moved(invocation: Invocation[TrainConfig], values: Mapping[str, Any]) -> dict[str, str]:
    """Return the folders that the command says were moved, by where they were."""
    told = [key for key in ("data", "runs") if any(o.startswith(f"paths.{key}=") for o in invocation.overrides)]
    return {absolute(values["paths"][key]): absolute(getattr(invocation.config.paths, key)) for key in told}
