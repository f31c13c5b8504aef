"""How much of what was planned a run has trained, and why it ended."""

from collections.abc import Mapping
from typing import Any, Protocol

import pytorch_lightning as pl
from pytorch_lightning.callbacks import EarlyStopping

from src.data.loading.module import DenseDataModule
from src.foundation.errors import UserError
from src.training.base import DenseModule
from src.training.callbacks.time_limit import TimeLimit
from src.training.callbacks.whole_epochs import cut_short
from src.training.finiteness import DivergenceError

ALL_EPOCHS = "all epochs"
"""The end of a run that has trained all that it was to."""


class Note(Protocol):
    """Takes what has become known of a run's extent; in a process that is started it must be a copy that works too."""

    def __call__(self, training: Mapping[str, Any], error: BaseException | None = None) -> None:
        """Note the entries of ``training``, and the error that ends the run."""


class Extent(pl.Callback):
    """Notes epochs, steps, batches that every epoch leaves out, and what ended training.

    Args:
        note: called by the first process alone, once an epoch and at every end but a kill.
        planned: epochs of the whole run.
    """

    def __init__(self, note: Note, planned: int) -> None:
        self.note, self.planned = note, planned
        self.cut = False

    def on_fit_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Note which batches are left out; raises UserError for a share of them that is none."""
        self._note(trainer, left_out=left_out(trainer, trainer.datamodule))  # type: ignore[attr-defined]
        if isinstance(module, DenseModule):
            module.finite.describe = trainer.datamodule.describe_images  # type: ignore[attr-defined]
            module.finite.report = lambda error: self._end(trainer, error)

    def on_train_epoch_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Begin an epoch."""
        self.cut = False

    def on_train_epoch_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Note the epoch."""
        self.cut = cut_short(trainer)
        self._note(trainer)

    def teardown(self, trainer: pl.Trainer, module: pl.LightningModule, stage: str) -> None:
        """Note what ended training."""
        if stage == "fit":
            self._note(trainer, ended=self._reason(trainer))

    def on_exception(self, trainer: pl.Trainer, module: pl.LightningModule, exception: BaseException) -> None:
        """Note the error or interrupt that ended the run."""
        self._end(trainer, exception)

    def _end(self, trainer: pl.Trainer, error: BaseException) -> None:
        self._note(trainer, error, ended=name_of(error))

    def _note(self, trainer: pl.Trainer, error: BaseException | None = None, **entries: Any) -> None:
        """Note ``entries`` and how far training is, unless it is other processes that train."""
        if trainer.fit_loop.epoch_progress.total.ready:
            entries |= {"epochs": self._epochs(trainer), "steps": trainer.global_step}
        if trainer.is_global_zero:
            self.note(entries, error)

    def _epochs(self, trainer: pl.Trainer) -> int:
        """Count whole epochs, those before the run was resumed too."""
        return int(trainer.fit_loop.epoch_progress.current.processed) - self.cut  # type: ignore[attr-defined]

    def _reason(self, trainer: pl.Trainer) -> str:
        """Name what ended training that ended without an error."""
        if trainer.fast_dev_run:  # type: ignore[attr-defined]
            return "fast_dev_run"
        if self._epochs(trainer) >= self.planned:
            return ALL_EPOCHS
        if trainer.should_stop:
            callbacks: list[pl.Callback] = trainer.callbacks  # type: ignore[attr-defined]
            if any(isinstance(each, TimeLimit) and each.reached for each in callbacks):
                return "max_time"
            stopped = [type(each).__name__ for each in callbacks if getattr(each, "stopped_epoch", 0)]
            stopped += [type(each).__name__ for each in callbacks if isinstance(each, EarlyStopping)]
            return f"stopped by {(stopped or ['a callback'])[0]}"
        return "max_steps"


def name_of(error: BaseException) -> str:
    """Name in one word the error, or interrupt, that ended a run."""
    if isinstance(error, DivergenceError):
        return "diverged"
    return "interrupted" if isinstance(error, KeyboardInterrupt | SystemExit) else type(error).__name__


def left_out(trainer: pl.Trainer, data: DenseDataModule) -> dict[str, int]:
    """Count the batches of each split that the trainer's limits leave out, in this process; splits without are absent.

    Raises:
        UserError: a limit is a share of less than a batch.
    """
    counts = {
        "train": (len(data.train_dataloader()), "limit_train_batches"),
        "validation": (len(data.val_dataloader()), "limit_val_batches"),
        "test": (len(data.test_dataloader()), "limit_test_batches"),
    }
    missing = {}
    for split, (batches, key) in counts.items():
        limit = getattr(trainer, key)
        used = min(limit, batches) if isinstance(limit, int) else int(limit * batches)
        if limit > 0 and batches and not used:
            raise UserError(
                f"{limit:g} of {batches} batches is none", f"of {split}, by trainer.{key}", f"trainer.{key}=1"
            )
        missing[split] = batches - used
    return {split: count for split, count in missing.items() if count}
