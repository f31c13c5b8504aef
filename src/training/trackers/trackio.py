"""Trackio: a database of all runs in one folder."""

import io
import secrets
from argparse import Namespace
from collections.abc import Mapping
from contextlib import redirect_stdout
from typing import Annotated, Any

from pydantic import Field
from pytorch_lightning.loggers.logger import Logger
from pytorch_lightning.utilities import rank_zero_only

from src.training.trackers.base import TRACKERS, Status, TrackedRun, Tracker, need, set_unless_set


class _Trackio(Tracker, Logger):
    tracker = "trackio"

    def __init__(self, run: TrackedRun, project: str) -> None:
        super().__init__()
        self.project, self.group = project, run.group
        self.label = run.stored_identity("trackio") or f"{run.name} ({secrets.token_hex(3)})"
        self.configuration: dict[str, Any] = {}
        self._run: Any = None

    @property
    def name(self) -> str:
        return self.project

    @property
    def version(self) -> str:
        return self.label

    def identity(self) -> str | None:
        return self.label

    @property
    def run(self) -> Any:
        """Trackio's run, begun when it is first needed."""
        if self._run is None:
            import trackio

            with redirect_stdout(io.StringIO()):
                self._run = trackio.init(
                    self.project,
                    self.label,
                    self.group,
                    config=self.configuration,
                    resume="allow",
                    embed=False,
                    auto_log_gpu=False,
                    auto_log_cpu=False,
                )
        return self._run

    @rank_zero_only
    def log_hyperparams(self, params: dict[str, Any] | Namespace, *args: Any, **options: Any) -> None:
        self.configuration |= vars(params) if isinstance(params, Namespace) else params

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        self.run.log(dict(metrics), step=step)

    def log_image(self, key: str, images: list[Any], step: int | None = None) -> None:
        import trackio

        self.run.log({f"{key}/{i}": trackio.Image(path) for i, path in enumerate(images)}, step=step)

    def finish(self, status: Status) -> None:
        if self._run is not None:
            self._run.log({f"status/{status}": 1})  # it knows no states
            import trackio

            with redirect_stdout(io.StringIO()):
                trackio.finish()
            self._run = None


@TRACKERS.register()
def trackio(run: TrackedRun, project: Annotated[str, Field(description="name of the project")]) -> Any:
    """Build a logger for Trackio; raises UserError where it is not installed."""
    need("trackio", "trackio")
    set_unless_set({"TRACKIO_DIR": str(run.root.absolute() / "trackio")})  # read when it is imported
    return _Trackio(run, project)
