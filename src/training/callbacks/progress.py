"""The progress bar in a terminal, with the losses of every task."""

from collections.abc import Mapping
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import RichProgressBar
from pytorch_lightning.callbacks.progress.rich_progress import RichProgressBarTheme

KINDS = ("loss", "align")


class LossBar(RichProgressBar):
    """Lightning's bar with the last step's task and alignment losses, short enough for 80 columns."""

    def __init__(self) -> None:
        super().__init__(refresh_rate=5, theme=RichProgressBarTheme(metrics_text_delimiter="\n"))

    def _get_train_description(self, current_epoch: int) -> str:
        """Count epochs from 1, as the lines of a run without a terminal do."""
        return f"Epoch {current_epoch + 1}/{self.trainer.max_epochs}"

    def get_metrics(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> dict[str, Any]:
        """Return one entry per kind of loss.

        It is called at refreshes alone. Values logged for Lightning's own bar are copied after every step instead.
        """
        return losses_by_kind(trainer.callback_metrics)


def losses_by_kind(metrics: Mapping[str, Any]) -> dict[str, str]:
    """Gather train/<kind>/<task>_step values as 'task value, ...' under their kind."""
    shown: dict[str, str] = {}
    for kind in KINDS:
        start = f"train/{kind}/"
        found = [(key[len(start) :], value) for key, value in metrics.items() if key.startswith(start)]
        parts = [f"{name.removesuffix('_step')} {value:.3f}" for name, value in found if name.endswith("_step")]
        if parts:
            shown[kind] = " ".join(parts)
    return shown
