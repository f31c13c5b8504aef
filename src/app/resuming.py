"""The configuration of a run that is resumed: the one it began with, its teachers included."""

from pathlib import Path
from typing import Any

import yaml

from src.app import command
from src.app.command import Invocation
from src.app.configuration.train import TrainConfig
from src.app.outcome import refuse_to_resume
from src.distillation.base import REGIMES
from src.foundation.errors import UserError
from src.runs import directory
from src.runs.record import read_run


def resumed(invocation: Invocation[TrainConfig], folder: Path) -> tuple[TrainConfig, dict[str, Any]] | None:
    """Read the configuration that a resumed run keeps, its teachers included; None for a new run."""
    again = invocation.config.resume is None and directory.restarted() and (folder / "config.yaml").exists()
    if invocation.config.resume is None and not again:
        return None
    run, saved = read_run(folder), folder / "config.yaml"
    if run is None or not saved.exists():
        raise UserError(f"there is no run to resume in {folder}", "it holds no run.json and config.yaml")
    if run.finished:
        raise UserError(f"{folder} has finished", "there is nothing left to resume")
    kept = ("resume=", "stage=", "paths.", "extensions=")
    others = [override for override in invocation.overrides if not override.startswith(kept)]
    if others and not again:
        raise UserError(
            f"a resumed run keeps its settings, so {', '.join(others)} cannot be set", mend="start a new run"
        )
    try:
        values: Any = yaml.safe_load(saved.read_text())
    except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
        raise UserError(
            f"{saved} cannot be read", f"{type(error).__name__}: {error}".split("\n")[0], "begin anew"
        ) from error
    if not isinstance(values, dict) or "probe" not in values:
        raise UserError(f"{folder} was begun by an older version", "its config lacks what is needed now", "begin anew")
    values |= {"resume": str(folder), "reuse": False, "extensions": invocation.config.extensions}
    config = command.read_checked(TrainConfig, values, [], None)
    refuse_to_resume(run, config.trainer.max_steps)
    if config.stage.name == "student" and REGIMES.traits(config.distillation).needs_trained_teachers:
        # the value of ``teacher`` that finds exactly the run's own teachers
        values["teacher"] = {"model": None, "size": None, "seed": None} | dict.fromkeys(config.tasks, "none")
        values["teacher"] |= run.record["teachers"]
        config = command.read_checked(TrainConfig, values, [], None)
    return config, values
