"""Which weights are evaluated on test, and on what they are selected: never on test data."""

from pathlib import Path

import pytorch_lightning as pl

from src.foundation.errors import UserError
from src.training.history import read_history

MEAN_EPOCHS = 10
"""Epochs over which protocol mean10 averages."""


def evaluate_by_protocol(
    trainer: pl.Trainer,
    module: pl.LightningModule,
    data: pl.LightningDataModule,
    protocol: str,
    folder: Path,
    whole: bool = True,
) -> dict[str, float]:
    """Return the run's metrics on the test split, as <task>/<metric>; those that could not be computed are left out.

    Args:
        trainer: the trainer that has fitted ``module``.
        module: the module; under ``best`` it holds the selected weights afterwards.
        data: the data.
        protocol: ``last``, ``mean10`` or ``best``.
        folder: the run directory, with metrics.csv and checkpoints.
        whole: whether training was; else where no epoch was selected the last weights are evaluated.

    Raises:
        UserError: under ``best``, no epoch was selected though training was whole.
    """
    if protocol == "mean10":
        means = _mean_of_last(folder) if trainer.is_global_zero else {}
        for logger in trainer.loggers if means else []:
            logger.log_metrics({f"test/{key}": value for key, value in means.items()}, step=trainer.global_step)
        return means
    best = folder / "checkpoints" / "best.ckpt"
    if protocol == "best" and not best.exists() and whole:
        raise UserError(f"there is no {best}", "no epoch was validated on the held-out images")
    selected = str(best) if protocol == "best" and best.exists() else None
    trainer.test(module, data, ckpt_path=selected, verbose=False, weights_only=True)
    return {
        key.removeprefix("test/"): float(v) for key, v in trainer.callback_metrics.items() if key.startswith("test/")
    }


def _mean_of_last(folder: Path, epochs: int = MEAN_EPOCHS) -> dict[str, float]:
    """Average the metrics of the last ``epochs`` epochs that were validated."""
    rows = read_history(folder / "metrics.csv")[-epochs:]
    keys = dict.fromkeys(key for row in rows for key in row if key.startswith("val/") and key != "val/score")
    values = {key: [float(row[key]) for row in rows if row.get(key)] for key in keys}
    return {key.removeprefix("val/"): sum(found) / len(found) for key, found in values.items() if found}
