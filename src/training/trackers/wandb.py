"""Weights & Biases: a run of its own for each run, which goes on when it is resumed."""

import secrets
from typing import Annotated, Any

from pydantic import Field
from pytorch_lightning.loggers import WandbLogger

from src.training.trackers.base import TRACKERS, Status, TrackedRun, Tracker, need, set_unless_set

EXIT_CODES: dict[Status, int] = {"finished": 0, "partial": 0, "interrupted": 130, "diverged": 1, "failed": 1}


class _Wandb(WandbLogger, Tracker):
    tracker = "wandb"

    def identity(self) -> str | None:
        return self.version

    def finish(self, status: Status) -> None:
        if self._experiment is not None:
            self._experiment.summary["status"] = status
            self._experiment.finish(exit_code=EXIT_CODES[status])
            self._experiment = None


@TRACKERS.register()
def wandb(
    run: TrackedRun,
    project: Annotated[str, Field(description="name of the project")],
    offline: Annotated[bool, Field(description="write to disk alone, to be sent with `wandb sync`")] = True,
) -> Any:
    """Build Weights & Biases' logger; raises UserError where it is not installed."""
    need("wandb", "wandb")
    own: dict[str, Any] = {}
    if offline:
        from wandb import Settings

        homes = dict.fromkeys(("WANDB_CACHE_DIR", "WANDB_CONFIG_DIR", "WANDB_DATA_DIR"), str(run.root / "wandb"))
        set_unless_set({"WANDB_SILENT": "true"} | homes)  # which are in the user's home otherwise
        own["settings"] = Settings(mode="offline", silent=True)
    identity = run.stored_identity("wandb") or secrets.token_hex(8)
    return _Wandb(
        project=project, offline=offline, save_dir=str(run.folder), id=identity, name=run.name, group=run.group, **own
    )
