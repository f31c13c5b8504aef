"""Pictures of what a network predicts: input, truth, prediction and error, per task."""

from collections.abc import Mapping

import numpy as np
from PIL import Image
from torch import Tensor

from src.tasks.base import Task
from src.visual.colormaps import heat
from src.visual.legends import Legend
from src.visual.panels import draw_grid

COLUMNS = ("input", "truth", "prediction", "error")


def draw_panel(
    picture: np.ndarray, predictions: Mapping[str, Tensor], targets: Mapping[str, Tensor], tasks: Mapping[str, Task]
) -> Image.Image:
    """Draw one row per task of input, truth, prediction and error, and below them what their colours stand for.

    Args:
        picture: uint8 (H, W, 3).
        predictions: (channels, H, W) by task.
        targets: one target by task, (H, W) or (channels, H, W); a task without one shows input and prediction.
        tasks: the tasks.
    """
    rows: dict[str, dict[str, np.ndarray]] = {}
    legends: dict[str, Legend] = {}
    for name, task in tasks.items():
        prediction, target = predictions[name].cpu(), targets.get(name)
        maps = {} if target is None else {"truth": target.cpu().numpy()}
        maps["prediction"] = task.to_numpy(prediction)
        drawn = task.drawn_like(list(maps.values()))
        rows[name] = {"input": picture} | {column: drawn.colorize(value) for column, value in maps.items()}
        if target is not None:
            rows[name]["error"] = heat(task.error(prediction, target.cpu()))
        if legend := drawn.legend(list(maps.values())):
            legends[name] = legend
    return draw_grid(rows, COLUMNS, (picture.shape[0], picture.shape[1]), legends)
