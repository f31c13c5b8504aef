"""metrics.csv: one row per epoch, kept across resumption."""

import time
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch

from src.training.callbacks.whole_epochs import batches_trained
from src.training.history import read_history, write_history


class History(pl.Callback):
    """Writes every logged value of each epoch to ``path``, one row per epoch, rewriting the file in one step.

    A resumed run keeps the rows before the epoch it resumes at. Without a terminal, for which the progress bar
    is made, it prints a line per epoch.
    """

    def __init__(self, path: Path, print_lines: bool) -> None:
        self.path, self.print_lines = path, print_lines
        self.rows: list[dict[str, Any]] = []
        self.started = 0.0
        self.validated = False

    def on_train_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Restore the rows of the epochs before a resumed run's first."""
        self.rows = [row for row in read_history(self.path) if int(row["epoch"]) < trainer.current_epoch]

    def on_train_epoch_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Start the epoch's clock and remember its learning rates, which are stepped before it ends."""
        self.started = time.perf_counter()
        self.validated = False
        self.rates = {f"lr/{group['name']}": group["lr"] for group in trainer.optimizers[0].param_groups}

    def on_train_batch_end(self, trainer: pl.Trainer, module: pl.LightningModule, *args: Any) -> None:
        """Stop the clock at each training batch, so that validation is not counted."""
        if trainer.is_last_batch and module.device.type == "cuda":
            torch.cuda.synchronize(module.device)  # kernels run asynchronously
        self.epoch_seconds = time.perf_counter() - self.started

    def on_validation_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Remember that this epoch's validation metrics are its own; Lightning keeps older ones."""
        self.validated = True

    def on_train_epoch_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Write the epoch's row."""
        if not trainer.is_global_zero:
            return
        images = batches_trained(trainer) * trainer.datamodule.batch_size * trainer.world_size  # type: ignore[attr-defined]
        row: dict[str, Any] = {
            "epoch": trainer.current_epoch,
            "images_per_second": round(images / self.epoch_seconds, 2),
        }
        row |= self.rates
        logged = {key: float(value) for key, value in trainer.callback_metrics.items() if not key.endswith("_step")}
        row |= {key: value for key, value in logged.items() if self.validated or not key.startswith("val/")}
        self.rows.append({key.removesuffix("_epoch"): value for key, value in row.items()})
        write_history(self.path, self.rows)
        if self.print_lines:
            print(_line(self.rows[-1], trainer.max_epochs or 0), flush=True)


def _line(row: dict[str, Any], epochs: int) -> str:
    shown = ("train/loss/", "train/align/")
    losses = [f"{key.removeprefix('train/')} {value:.3f}" for key, value in row.items() if key.startswith(shown)]
    score = [f"{key} {value:.3f}" for key, value in row.items() if key == "val/score"]
    return f"epoch {row['epoch'] + 1}/{epochs}  " + "  ".join([*losses, *score])
