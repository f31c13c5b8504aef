"""Pictures of what a network predicts: input, truth, prediction and error, per task."""

from collections.abc import Mapping

import numpy as np
from PIL import Image
from torch import Tensor

from src.tasks.base import Task
from src.visual.colormaps import heat
from src.visual.panels import draw_grid

COLUMNS = ("input", "truth", "prediction", "error")


def draw_panel(
    picture: np.ndarray, predictions: Mapping[str, Tensor], targets: Mapping[str, Tensor], tasks: Mapping[str, Task]
) -> Image.Image:
    """Draw one row per task of input, truth, prediction and error.

    Args:
        picture: uint8 (H, W, 3).
        predictions: (channels, H, W) by task.
        targets: one target by task, (H, W) or (channels, H, W); a task without one shows input and prediction.
        tasks: the tasks.
    """
    rows = {name: _cells(task, picture, predictions[name], targets.get(name)) for name, task in tasks.items()}
    return draw_grid(rows, COLUMNS, (picture.shape[0], picture.shape[1]))


def _cells(task: Task, picture: np.ndarray, prediction: Tensor, target: Tensor | None) -> dict[str, np.ndarray]:
    """Draw a task's maps, uint8 (H, W, 3), by column; truth and error only where there is a target."""
    prediction = prediction.cpu()
    cells = {"input": picture, "prediction": task.colorize(task.to_numpy(prediction))}
    if target is not None:
        target = target.cpu()
        cells |= {"truth": task.colorize(target.numpy()), "error": heat(task.error(prediction, target))}
    return cells
