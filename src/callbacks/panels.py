"""Pictures of what a network predicts: input, truth, prediction and error, per image and task."""

import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytorch_lightning as pl
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from src.data.module import DenseDataModule
from src.data.pixels import denormalise
from src.files import write_atomically
from src.stages.base import DenseStage
from src.tasks.base import Task

MARGIN, CAPTION = 6, 18
MIN_WIDTH = 192  # smaller maps are enlarged so that a person can read them
COLUMNS = ("input", "truth", "prediction", "error")


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

    def _draw(self, trainer: pl.Trainer, stage: DenseStage, epoch: int) -> None:
        data: DenseDataModule = trainer.datamodule  # type: ignore[attr-defined]
        dataset = data.train_set if data.validation == "holdout" else data.test_set
        candidates = data.held_out if data.validation == "holdout" else range(len(dataset))
        chosen = np.unique(np.linspace(0, len(candidates) - 1, min(self.count, len(candidates))).astype(int))
        rows = [candidates[i] for i in chosen]
        stored = {name: value.to(stage.device) for name, value in dataset.__getitems__(rows).items()}
        batch = data.prepare(stored)
        predictions = predict(stage, batch["image"])
        paths = []
        for i, row in enumerate(rows):
            targets = {name: batch[name][i] for name in stage.tasks}
            image = draw_panel(batch["image"][i], {k: v[i] for k, v in predictions.items()}, targets, stage.tasks)
            path = self.folder / f"epoch_{epoch:03d}" / f"image_{row}.png"
            save_png(path, image)
            paths.append(path)
        for logger in trainer.loggers:
            if hasattr(logger, "log_image"):
                logger.log_image("panels", [str(path) for path in paths])


def predict(stage: DenseStage, image: Tensor) -> dict[str, Tensor]:
    """Predict (N, channels, H, W) per task in eval mode and leave the mode as it was."""
    training = stage.training
    stage.eval()
    with torch.no_grad():
        predictions = {name: value.float() for name, value in stage(image).items()}
    stage.train(training)
    return predictions


def draw_panel(
    image: Tensor, predictions: Mapping[str, Tensor], targets: Mapping[str, Tensor], tasks: Mapping[str, Task]
) -> Image.Image:
    """Draw one row per task of input, truth, prediction and error.

    Args:
        image: normalised network input (3, H, W).
        predictions: (channels, H, W) by task.
        targets: one target by task, (H, W) or (channels, H, W); a task without one shows input and prediction.
        tasks: the tasks.
    """
    picture = denormalise(image).cpu().numpy()
    rows: list[dict[str, np.ndarray]] = []
    for name, task in tasks.items():
        cells = {"input": picture, "prediction": task.colour(task.show(predictions[name].cpu()))}
        if name in targets:
            target = targets[name].cpu()
            cells["truth"] = task.colour(target.numpy())
            cells["error"] = _heat(task.error(predictions[name].cpu(), target))
        rows.append(cells)
    columns = [column for column in COLUMNS if any(column in cells for cells in rows)]
    return _grid(list(tasks), columns, rows, (picture.shape[1], picture.shape[0]))


def _grid(
    names: list[str], columns: list[str], rows: list[dict[str, np.ndarray]], size: tuple[int, int]
) -> Image.Image:
    factor = max(1, -(-MIN_WIDTH // size[0]))
    width, height = size[0] * factor, size[1] * factor
    step_x, step_y = width + MARGIN, height + CAPTION + MARGIN
    canvas = Image.new("RGB", (MARGIN + step_x * len(columns), MARGIN + step_y * len(rows)), "white")
    draw, font = ImageDraw.Draw(canvas), ImageFont.load_default(12)
    for r, (name, cells) in enumerate(zip(names, rows, strict=True)):
        for c, column in enumerate(columns):
            x, y = MARGIN + c * step_x, MARGIN + r * step_y
            draw.text((x, y), column if column == "input" else f"{name}: {column}", "black", font)
            if column in cells:
                cell = Image.fromarray(cells[column]).resize((width, height), Image.Resampling.NEAREST)
                canvas.paste(cell, (x, y + CAPTION))
    return canvas


def _heat(error: np.ndarray) -> np.ndarray:
    """Colour errors (H, W) in [0, 1] from black over red to white."""
    steps = np.clip(error[..., None] * 3 - np.arange(3), 0, 1)
    return (steps * 255).astype(np.uint8)


def save_png(path: Path, image: Image.Image) -> None:
    """Write a picture as PNG in one step."""
    stream = io.BytesIO()
    image.save(stream, "PNG")
    write_atomically(path, stream.getvalue())
