"""The Lightning trainer of a run, with what it writes into the run directory."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from pytorch_lightning.callbacks import Callback, ModelCheckpoint
from rich.console import Console

from src.callbacks.history import History
from src.callbacks.inside import Inside
from src.callbacks.panels import Panels
from src.callbacks.progress import LossBar
from src.errors import UserError
from src.runs.checkpoints import AtomicCheckpoints
from src.runs.hardware import choose_precision

Config = Mapping[str, Any]


def build_trainer(config: Config, folder: Path) -> pl.Trainer:
    """Build the trainer with its history, pictures and checkpoint in ``folder``."""
    pictures, inside = config["pictures"], config.get("inside")  # runs resumed from before it was there have none
    in_terminal = Console().is_terminal
    # before the history, which writes down what it logs
    callbacks: list[Callback] = [Inside(folder, **inside)] if inside and inside["every"] else []
    callbacks += [
        History(folder / "metrics.csv", print_lines=not in_terminal),
        Panels(folder / "pictures", every=pictures["every"], count=pictures["count"]),
        _checkpoint(folder, filename="last"),
    ]
    if config["protocol"] == "best":
        callbacks.append(_checkpoint(folder, filename="best", monitor="val/score", mode="max"))
    if in_terminal:
        callbacks.append(LossBar())
    trainer = dict(config["trainer"])
    trainer["precision"] = choose_precision(trainer["precision"], trainer["accelerator"])
    loggers = instantiate(config["logger"], save_dir=str(folder)) if config["logger"].get("_target_") else False
    try:
        return instantiate(
            trainer,
            callbacks=callbacks,
            logger=loggers,
            plugins=[AtomicCheckpoints()],
            default_root_dir=str(folder),
            enable_progress_bar=in_terminal,
        )
    except InstantiationException as error:
        raise UserError(
            "Lightning cannot build this trainer", str(error.__cause__ or error), "see trainer.*"
        ) from error


def _checkpoint(folder: Path, **options: Any) -> ModelCheckpoint:
    after_validation = "monitor" in options
    return ModelCheckpoint(
        dirpath=folder / "checkpoints",
        save_top_k=1,
        enable_version_counter=False,
        save_on_train_epoch_end=not after_validation,
        **options,
    )
