"""Which weights are evaluated on test, and on what they are selected: never on test data."""

from pathlib import Path

import pytorch_lightning as pl

from src.foundation.errors import UserError
from src.training.history import read_history


def evaluate_by_protocol(
    trainer: pl.Trainer, module: pl.LightningModule, data: pl.LightningDataModule, protocol: str, folder: Path
) -> dict[str, float]:
    """Return the run's metrics on the test split, as <task>/<metric>.

    Args:
        trainer: the trainer that has fitted ``module``.
        module: the module; under ``best`` it holds the selected weights afterwards.
        data: the data.
        protocol: ``last``, ``mean10`` or ``best``.
        folder: the run directory, with metrics.csv and checkpoints.

    Raises:
        UserError: under ``best``, no epoch was selected.
    """
    if protocol == "mean10":
        last = read_history(folder / "metrics.csv")[-10:] if trainer.is_global_zero else []
        keys = [key for key in last[-1] if key.startswith("val/") and key != "val/score"] if last else []
        means = {key.removeprefix("val/"): sum(float(row[key]) for row in last) / len(last) for key in keys}
        for logger in trainer.loggers if means else []:
            logger.log_metrics({f"test/{key}": value for key, value in means.items()}, step=trainer.global_step)
        return means
    best = folder / "checkpoints" / "best.ckpt"
    if protocol == "best" and not best.exists():
        raise UserError(f"there is no {best}", "no epoch was validated on the held-out images")
    trainer.test(module, data, ckpt_path=str(best) if protocol == "best" else None, verbose=False, weights_only=True)
    return {
        key.removeprefix("test/"): float(v) for key, v in trainer.callback_metrics.items() if key.startswith("test/")
    }
