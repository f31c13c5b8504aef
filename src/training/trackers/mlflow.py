"""MLflow: a database of all runs, or a server."""

import logging
from argparse import Namespace
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field
from pytorch_lightning.loggers import MLFlowLogger
from pytorch_lightning.utilities import rank_zero_only

from src.training.trackers.base import TRACKERS, Status, TrackedRun, Tracker, need, set_unless_set

STATES: dict[Status, str] = {
    "finished": "FINISHED",
    "partial": "FINISHED",
    "interrupted": "KILLED",
    "diverged": "FAILED",
    "failed": "FAILED",
}


class _MLflow(Tracker, MLFlowLogger):
    tracker = "mlflow"
    resumed = False

    @rank_zero_only
    def log_hyperparams(self, params: dict[str, Any] | Namespace) -> None:
        if self.resumed:  # it refuses what differs, such as ``resume``
            self.experiment.update_run(self.run_id, status="RUNNING")
        else:
            super().log_hyperparams(params)

    def identity(self) -> str | None:
        return self.run_id

    def log_image(self, key: str, images: list[Any], step: int | None = None) -> None:
        for path in map(Path, images):
            self.experiment.log_artifact(self.run_id, str(path), f"{key}/{path.parent.name}")

    def finish(self, status: Status) -> None:
        if self._initialized:
            self.experiment.set_terminated(self.run_id, STATES[status])


@TRACKERS.register()
def mlflow(
    run: TrackedRun,
    project: Annotated[str, Field(description="name of the experiment, in MLflow's words")],
    uri: Annotated[str | None, Field(description="of a server; null is a database below paths.runs")] = None,
) -> Any:
    """Build MLflow's logger; raises UserError where it is not installed."""
    need("mlflow", "mlflow")
    set_unless_set({"MLFLOW_DISABLE_TELEMETRY": "true"})  # it would go to its makers, and to the user's home
    logging.getLogger("mlflow").setLevel(logging.WARNING)
    artifacts = None
    if uri is None:
        need("sqlalchemy", "mlflow")
        place = run.root.absolute() / "mlflow"
        place.mkdir(parents=True, exist_ok=True)
        uri, artifacts = f"sqlite:///{place}/mlflow.db", str(place / "artifacts")
    identity = run.stored_identity("mlflow")
    tags = {"sweep": run.group} if run.group else None
    logger = _MLflow(
        experiment_name=project,
        run_name=run.name,
        tracking_uri=uri,
        tags=tags,
        artifact_location=artifacts,
        run_id=identity,
    )
    logger.resumed = identity is not None
    return logger
