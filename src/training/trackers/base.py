"""What follows a run beside metrics.csv."""

import importlib.util
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from src.foundation.errors import UserError
from src.foundation.files import write_json
from src.foundation.registry import Registry

TRACKERS = Registry("tracker", "src.training.trackers", given=("run",))
"""Functions from a TrackedRun to a Lightning logger, or to None."""
Status = Literal["finished", "partial", "interrupted", "diverged", "failed"]


@dataclass(frozen=True)
class TrackedRun:
    """What a tracker is told of a run.

    Args:
        folder: the run directory.
        root: the folder of all runs, for trackers that keep them in one place.
        name: what is trained, in a line.
        group: name of the sweep that the run belongs to.
    """

    folder: Path
    root: Path
    name: str
    group: str | None = None

    def stored_identity(self, tracker: str) -> str | None:
        """Return the run's identity at a tracker that has followed it before; None for a new run."""
        return _identities(self.folder).get(tracker)

    def store_identities(self, loggers: Sequence[Any]) -> None:
        """Keep the run's identity at each tracker, by which it goes on there when it is resumed."""
        own = {logger.tracker: logger.identity() for logger in loggers if isinstance(logger, Tracker)}
        if own:
            write_json(self.folder / "trackers.json", _identities(self.folder) | own)


class Tracker:
    """What a logger of Lightning's does besides, mixed into it."""

    tracker: str
    """Its registered name."""

    def identity(self) -> str | None:
        """Return what the tracker knows the run by; None where it needs nothing of the kind."""
        return None

    def log_image(self, key: str, images: list[Any], step: int | None = None) -> None:
        """Show pictures, files of which are named."""
        raise NotImplementedError

    def finish(self, status: Status) -> None:
        """End the run at the tracker."""
        raise NotImplementedError


def finish_trackers(loggers: Sequence[Any], status: Status) -> None:
    """End the run at each tracker; one that fails at that does not end the run otherwise."""
    for logger in loggers:
        if isinstance(logger, Tracker):
            try:
                logger.finish(status)
            except Exception as error:
                print(f"{logger.tracker} could not end the run: {type(error).__name__}: {error}", flush=True)


def need(module: str, tracker: str) -> None:
    """Raise UserError where a tracker's package is not installed."""
    if importlib.util.find_spec(module) is None:
        why, mend = f"the package {module} is not installed", f"pip install --editable '.[{tracker}]'"
        raise UserError(f"logger={tracker} needs {tracker}", why, mend)


def set_unless_set(variables: Mapping[str, str]) -> None:
    """Set environment variables that a package reads, where the user has not set them."""
    for name, value in variables.items():
        os.environ.setdefault(name, value)


def _identities(folder: Path) -> dict[str, str]:
    try:
        read = json.loads((folder / "trackers.json").read_text())
    except (OSError, ValueError):
        return {}
    return read if isinstance(read, dict) else {}
