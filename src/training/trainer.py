"""The Lightning trainer of a run, with what it writes into the run directory."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback
from pytorch_lightning.strategies import DDPStrategy
from rich.console import Console

from src.foundation.errors import UserError
from src.training.callbacks.class_results import ClassResults
from src.training.callbacks.feature_probe import FeatureProbe
from src.training.callbacks.history import History
from src.training.callbacks.panels import Panels
from src.training.callbacks.progress import LossBar
from src.training.callbacks.time_limit import TimeLimit
from src.training.callbacks.weight_average import WeightAverage
from src.training.callbacks.whole_epochs import WholeEpochs
from src.training.checkpoints import AtomicCheckpoints


@dataclass(frozen=True)
class Watching:
    """What is written while a run trains.

    Args:
        pictures_every: epochs between drawings of predictions; 0 draws only at the end.
        pictures: how many images are drawn; 0 draws none.
        probe_every: epochs between probes of a student's features and gradients; 0 never probes.
        probe_images: how many training images are probed.
    """

    pictures_every: int = 0
    pictures: int = 0
    probe_every: int = 0
    probe_images: int = 8


def build_callbacks(folder: Path, protocol: str, watching: Watching, ema_decay: float = 0.0) -> list[Callback]:
    """Build the callbacks that write history, scores, pictures and checkpoints to ``folder``, and a progress bar.

    ``ema_decay``: that of the average of the weights, which comes first; 0 keeps none.
    """
    in_terminal = Console().is_terminal
    # before the history, which writes the values that the probe logs
    probes = [FeatureProbe(folder, watching.probe_every, watching.probe_images)] if watching.probe_every else []
    callbacks: list[Callback] = [
        *([WeightAverage(ema_decay)] if ema_decay else []),
        *probes,
        History(folder / "metrics.csv", print_lines=not in_terminal),
        ClassResults(folder / "classes.json", protocol),
        Panels(folder / "pictures", every=watching.pictures_every, count=watching.pictures),
        _checkpoint(folder, filename="last"),
    ]
    if protocol == "best":
        callbacks.append(_checkpoint(folder, filename="best", monitor="val/score", mode="max"))
    return [*callbacks, LossBar()] if in_terminal else callbacks


def build_trainer(
    arguments: Mapping[str, Any], folder: Path, callbacks: Sequence[Callback], loggers: Sequence[Any] = ()
) -> pl.Trainer:
    """Build Lightning's trainer.

    Args:
        arguments: of ``pytorch_lightning.Trainer``; ``strategy`` may be a mapping of arguments of DDPStrategy.
        folder: the run directory.
        callbacks: the callbacks.
        loggers: loggers beside metrics.csv.

    Raises:
        UserError: Lightning does not take the arguments.
    """
    try:
        strategy = arguments["strategy"]
        built = DDPStrategy(**strategy) if isinstance(strategy, Mapping) else strategy
        limits = [TimeLimit(arguments["max_time"])] if arguments.get("max_time") else []
        return pl.Trainer(
            **{**arguments, "strategy": built, "max_time": None},
            callbacks=[*callbacks, *limits],
            logger=list(loggers) or False,
            plugins=[AtomicCheckpoints()],
            default_root_dir=str(folder),
            enable_progress_bar=any(isinstance(callback, LossBar) for callback in callbacks),
        )
    except (TypeError, ValueError, RuntimeError, ImportError, AssertionError) as error:
        raise UserError("Lightning cannot build this trainer", str(error), "see trainer.*") from error


def _checkpoint(folder: Path, **options: Any) -> WholeEpochs:
    """Build a checkpoint callback, which saves after validation if it monitors a metric, else after each epoch."""
    after_validation = "monitor" in options
    return WholeEpochs(
        dirpath=folder / "checkpoints",
        save_top_k=1,
        enable_version_counter=False,
        save_on_train_epoch_end=not after_validation,
        **options,
    )
