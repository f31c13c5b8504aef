"""TensorBoard: event files in the run directory."""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from pytorch_lightning.loggers import TensorBoardLogger

from src.training.trackers.base import TRACKERS, Status, TrackedRun, Tracker, need


class _TensorBoard(Tracker, TensorBoardLogger):
    tracker = "tensorboard"

    def log_image(self, key: str, images: list[Any], step: int | None = None) -> None:
        for path in map(Path, images):
            picture = np.asarray(Image.open(path).convert("RGB"))
            self.experiment.add_image(f"{key}/{path.stem}", picture, step, dataformats="HWC")

    def finish(self, status: Status) -> None:
        self.experiment.add_text("status", status)
        self.save()  # the configuration, as hparams.yaml
        self.experiment.close()


@TRACKERS.register()
def tensorboard(run: TrackedRun) -> Any:
    """Build TensorBoard's logger; raises UserError where it is not installed."""
    need("tensorboard", "tensorboard")
    return _TensorBoard(run.folder, name="tensorboard", version="", default_hp_metric=False)
