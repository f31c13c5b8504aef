"""Checkpoints of whole epochs alone."""

import pytorch_lightning as pl

from src.training.checkpoints import MovableCheckpoint


def batches_trained(trainer: pl.Trainer) -> int:
    """Count the batches of the present epoch that were trained on."""
    return int(trainer.fit_loop.epoch_loop.batch_progress.current.processed)  # type: ignore[attr-defined]


def cut_short(trainer: pl.Trainer) -> bool:
    """Whether the present epoch has ended, or is about to, before its last batch."""
    ends = trainer.should_stop or 0 <= trainer.max_steps <= trainer.global_step
    return ends and batches_trained(trainer) < trainer.num_training_batches


class WholeEpochs(MovableCheckpoint):
    """Keeps nothing of an epoch that a limit cut short.

    Lightning would count it as trained: a run resumed from it would lack its other batches. From the epoch before, the
    resumed run trains it again and ends with the weights of one that was never stopped.
    """

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save after an epoch, if it was whole."""
        if not cut_short(trainer):
            super().on_train_epoch_end(trainer, pl_module)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save after validation, unless it is that of an epoch cut short."""
        if not cut_short(trainer):
            super().on_validation_end(trainer, pl_module)
