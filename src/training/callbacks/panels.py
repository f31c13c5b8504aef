"""Pictures of what a network predicts: input, truth, prediction and error, per image and task."""

from pathlib import Path

import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor

from src.data.loading.module import DenseDataModule
from src.data.loading.pixels import denormalise
from src.tasks.panels import draw_panel
from src.training.base import DenseModule
from src.training.callbacks.weight_average import evaluated_weights
from src.visual.panels import save_png


class Panels(pl.Callback):
    """Draws a panel per validation image every few epochs and at the end.

    Args:
        folder: where pictures go, as epoch_NNN/image_N.png.
        every: epochs between drawings; 0 draws only at the end.
        count: how many images, spread evenly over the split that is validated on (test where that is none).
    """

    def __init__(self, folder: Path, every: int, count: int) -> None:
        self.folder, self.every, self.count = folder, every, count

    def on_train_epoch_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Draw, if this epoch is one to draw at."""
        epoch = trainer.current_epoch + 1
        due = epoch == trainer.max_epochs or (self.every > 0 and epoch % self.every == 0)
        if due and self.count > 0 and trainer.is_global_zero:
            self._draw(trainer, module, epoch)  # type: ignore[arg-type]

    def _draw(self, trainer: pl.Trainer, module: DenseModule, epoch: int) -> None:
        """Draw the epoch's panels, write them and send them to the loggers that take images."""
        data: DenseDataModule = trainer.datamodule  # type: ignore[attr-defined]
        dataset = data.train_set if data.validation == "holdout" else data.val_set or data.test_set
        candidates = data.held_out if data.validation == "holdout" else range(len(dataset))
        chosen = np.unique(np.linspace(0, len(candidates) - 1, min(self.count, len(candidates))).astype(int))
        rows = [candidates[i] for i in chosen]
        stored = {name: value.to(module.device) for name, value in dataset.__getitems__(rows).items()}
        batch = data.prepare(stored)
        with evaluated_weights(trainer, module):
            predictions = predict(module, batch["image"])
        paths = []
        for i, row in enumerate(rows):
            targets = {name: batch[name][i] for name in module.tasks}
            picture = denormalise(batch["image"][i]).cpu().numpy()
            image = draw_panel(picture, {k: v[i] for k, v in predictions.items()}, targets, module.tasks)
            path = self.folder / f"epoch_{epoch:03d}" / f"image_{row}.png"
            save_png(path, image)
            paths.append(path)
        for logger in trainer.loggers:
            if hasattr(logger, "log_image"):
                logger.log_image("panels", [str(path) for path in paths], step=trainer.global_step)


def predict(module: DenseModule, image: Tensor) -> dict[str, Tensor]:
    """Predict (N, channels, H, W) per task in eval mode and leave the mode as it was."""
    training = module.training
    module.eval()
    with torch.no_grad():
        predictions = {name: value.float() for name, value in module(image).items()}
    module.train(training)
    return predictions
