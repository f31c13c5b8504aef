"""classes.json: what each class comes to on the test split, under the run's protocol."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from src.foundation.files import write_json
from src.tasks.class_results import by_name, class_results
from src.training.base import DenseModule, collections
from src.training.protocol import MEAN_EPOCHS


class ClassResults(pl.Callback):
    """Writes IoU, accuracy and share of pixels of each class, as <task>/<score>/<class>; of none without such a task.

    Args:
        path: the file.
        protocol: under mean10, the means of the last epochs that were validated, over those with a value; else the
            values of the test.
    """

    def __init__(self, path: Path, protocol: str) -> None:
        self.path, self.averaged = path, protocol == "mean10"
        self.epochs: dict[int, dict[str, Tensor]] = {}

    def on_train_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Forget what belongs to epochs that are trained anew."""
        self.epochs = {epoch: values for epoch, values in self.epochs.items() if epoch < trainer.current_epoch}

    def on_validation_epoch_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Keep the epoch's values, where they are averaged, and let go of the oldest."""
        if self.averaged and not trainer.sanity_checking:
            assert isinstance(module, DenseModule)
            found = class_results(module.tasks, dict(collections(module.val_metrics)))
            self.epochs[trainer.current_epoch] = {key: values.cpu() for key, values in found.items()}
            self.epochs = dict(list(self.epochs.items())[-MEAN_EPOCHS:])

    def on_train_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Write the means."""
        if self.averaged and self.epochs:
            kept = list(self.epochs.values())
            means = {key: torch.stack([values[key] for values in kept]).nanmean(0) for key in kept[0]}
            self._write(trainer, module, means)

    def on_test_epoch_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Write the values of the test."""
        assert isinstance(module, DenseModule)
        self._write(trainer, module, class_results(module.tasks, dict(collections(module.test_metrics))))

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed run needs for its means."""
        return {"epochs": self.epochs} if self.epochs else {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over the values of earlier epochs."""
        self.epochs = dict(state_dict.get("epochs", {}))

    def _write(self, trainer: pl.Trainer, module: pl.LightningModule, results: Mapping[str, Tensor]) -> None:
        assert isinstance(module, DenseModule)
        if results and trainer.is_global_zero:
            write_json(self.path, {"split": "test", "classes": by_name(module.tasks, results)})
