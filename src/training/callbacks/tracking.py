"""What trackers are told at the start of a run."""

from collections.abc import Mapping
from typing import Any

import pytorch_lightning as pl

from src.training.trackers.base import TrackedRun


class Tracking(pl.Callback):
    """Gives the resolved configuration to every logger, and keeps in the run directory what they know the run by.

    Args:
        run: the run.
        configuration: as plain values.
    """

    def __init__(self, run: TrackedRun, configuration: Mapping[str, Any]) -> None:
        self.run, self.configuration = run, dict(configuration)

    def on_fit_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Tell the loggers of the first process."""
        if trainer.is_global_zero:
            for logger in trainer.loggers:
                logger.log_hyperparams(self.configuration)
            self.run.store_identities(trainer.loggers)
