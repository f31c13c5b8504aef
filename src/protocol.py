"""Which weights are judged, and on what: never selected on test data unless that is what is asked and said."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytorch_lightning as pl

from src.callbacks.history import read_history
from src.errors import UserError

NEEDS = {"last": None, "mean10": "test", "best": "holdout"}


def check_protocol(config: Mapping[str, Any]) -> None:
    """Raise UserError where the protocol does not go with what is validated on."""
    protocol, validation = config["protocol"], config["dataset"]["validation"]
    if protocol not in NEEDS:
        raise UserError(f"protocol={protocol} is unknown", f"choose one of {', '.join(NEEDS)}")
    needed = NEEDS[protocol]
    if needed and validation != needed:
        raise UserError(
            f"protocol={protocol} does not go with dataset.validation={validation}",
            "best weights are chosen on a held-out part of train, never on test"
            if protocol == "best"
            else "the mean of the last ten epochs needs test metrics at every epoch",
            f"dataset.validation={needed}",
        )
    trainer = config["trainer"]
    if protocol == "best" and trainer["check_val_every_n_epoch"] > trainer["max_epochs"]:
        raise UserError(
            "protocol=best needs an epoch that is validated",
            f"there are {trainer['max_epochs']} epochs and one in {trainer['check_val_every_n_epoch']} is",
            "trainer.check_val_every_n_epoch=1",
        )
    if protocol == "mean10" and trainer["check_val_every_n_epoch"] != 1:
        raise UserError(
            "protocol=mean10 needs test metrics at every epoch",
            f"trainer.check_val_every_n_epoch is {trainer['check_val_every_n_epoch']}",
            "trainer.check_val_every_n_epoch=1",
        )


def judge(
    trainer: pl.Trainer, stage: pl.LightningModule, data: pl.LightningDataModule, protocol: str, folder: Path
) -> dict[str, float]:
    """Return the run's metrics on the test split, as <task>/<metric>.

    Args:
        trainer: the trainer that has fitted ``stage``.
        stage: the stage; under ``best`` it holds the selected weights afterwards.
        data: the data.
        protocol: ``last``, ``mean10`` or ``best``.
        folder: the run directory, with metrics.csv and checkpoints.

    Raises:
        UserError: under ``best``, no epoch was selected.
    """
    if protocol == "mean10":
        last = read_history(folder / "metrics.csv")[-10:] if trainer.is_global_zero else []
        keys = [key for key in last[-1] if key.startswith("val/") and key != "val/score"] if last else []
        return {key.removeprefix("val/"): sum(float(row[key]) for row in last) / len(last) for key in keys}
    best = folder / "checkpoints" / "best.ckpt"
    if protocol == "best" and not best.exists():
        raise UserError(f"there is no {best}", "no epoch was validated on the held-out images")
    trainer.test(stage, data, ckpt_path=str(best) if protocol == "best" else None, verbose=False, weights_only=True)
    return {
        key.removeprefix("test/"): float(v) for key, v in trainer.callback_metrics.items() if key.startswith("test/")
    }
