"""What happens inside a student: how near its features come to the teachers', and whether its tasks agree."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import combinations
from math import isfinite
from pathlib import Path

import pytorch_lightning as pl
import torch
from torch import Tensor

from src.comparison.curves import Curve, logged
from src.comparison.inside import PREFIX, sheet
from src.data.module import DenseDataModule
from src.distillation.base import Distillation
from src.files import write_atomically
from src.metrics.similarity import channel_cosine, cosines, feature_cka, loss_gradients
from src.models.base import Features, feature_of
from src.stages.student import StudentStage
from src.values import require_at_least_one

Values = dict[str, float]


class Inside(pl.Callback):
    """Probes a student every few epochs on the first training images, not augmented, and leaves its training as it is.

    It logs ``inside/cosine/<teacher>/<level>`` between the two sides that are aligned, ``inside/cka/<teacher>/<level>``
    between the raw features at the student's level and at the teacher's, and, by the shared parameters and for task
    losses without weights, ``inside/gradient_cosine/<a>-<b>`` and ``inside/gradient_norm/<task>``. What has no value,
    such as the cosine of a zero gradient, is left out. Teachers are not probed. Only the first process probes: nothing
    in here may wait for the others.

    Args:
        folder: the run directory; its metrics.csv has the values of the epochs that a resumed run has behind it.
        every: epochs between probes.
        images: how many training images are probed, in one batch.

    Raises:
        UserError: no image is left to probe.
    """

    def __init__(self, folder: Path, every: int, images: int) -> None:
        require_at_least_one(**{"inside.every": every, "inside.images": images})
        self.history, self.picture = folder / "metrics.csv", folder / "pictures" / "inside.svg"
        self.every, self.images = every, images
        self.curves: dict[str, Curve] = {}

    def on_train_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Take over the curves of the epochs that a resumed run has behind it."""
        self.curves = {}
        for key, epoch, value in logged(self.history):
            if key.startswith(PREFIX) and epoch <= trainer.current_epoch:
                self.curves.setdefault(key, []).append((epoch, value))

    def on_train_epoch_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Probe, log and draw, if this epoch is one to probe at."""
        for key in self.curves:  # Lightning keeps the values of the last probe, which are not this epoch's
            trainer.callback_metrics.pop(key, None)
        epoch = trainer.current_epoch + 1
        if epoch % self.every or not trainer.is_global_zero or not isinstance(module, StudentStage):
            return
        found = self._probe(trainer, module)
        values = {f"{PREFIX}{key}": value for key, value in found.items() if isfinite(value)}
        module.log_dict(values, on_step=False, on_epoch=True, batch_size=1, rank_zero_only=True)
        for key, value in values.items():
            self.curves.setdefault(key, []).append((epoch, value))
        if drawing := sheet(self.curves):
            write_atomically(self.picture, drawing)

    def _probe(self, trainer: pl.Trainer, stage: StudentStage) -> Values:
        data: DenseDataModule = trainer.datamodule  # type: ignore[attr-defined]
        rows = data.train_indices[: self.images]
        with _undisturbed(stage):
            stored = {name: value.to(stage.device) for name, value in data.train_set.__getitems__(rows).items()}
            batch = data.prepare(stored)
            image = batch["image"]
            with trainer.precision_plugin.forward_context():
                features = stage.network.features(image)
                raw = stage.network.predict(features, (image.shape[-2], image.shape[-1]))
                losses = stage.task_losses(raw, batch)
                near = _similarities(stage.distillation, features, image) if stage.distillation else {}
            return near | _agreement(losses, stage.network.shared_and_own_parameters()[0])


@torch.no_grad()
def _similarities(distillation: Distillation, student: Features, image: Tensor) -> Values:
    alignment, teachers = distillation.alignment, distillation.teacher_features(image)
    values: Values = {}
    for pair in alignment.pairs(student, teachers):
        values[f"cosine/{pair.teacher}/{pair.level}"] = float(channel_cosine(pair.student_side, pair.teacher_side))
    for name, levels in alignment.levels.items():
        for ours, theirs in levels.items():
            sides = feature_of(student, ours, name), feature_of(teachers[name], theirs, name)
            values[f"cka/{name}/{ours}"] = feature_cka(*sides)
    return values


def _agreement(losses: Mapping[str, Tensor], shared: list[torch.nn.Parameter]) -> Values:
    gradients = loss_gradients(list(losses.values()), shared)
    norms = dict(zip(losses, gradients.norm(dim=1).tolist(), strict=True))
    values = {f"gradient_norm/{task}": norm for task, norm in norms.items()}
    between = cosines(gradients).tolist()
    pairs = combinations(enumerate(losses), 2)
    return values | {f"gradient_cosine/{a}-{b}": between[i][j] for (i, a), (j, b) in pairs}


@contextmanager
def _undisturbed(stage: StudentStage) -> Iterator[None]:
    """Put all of ``stage`` in eval mode and, at the end, modes and random generators back as they were."""
    modes = {module: module.training for module in stage.modules()}
    devices = [stage.device] if stage.device.type == "cuda" else []
    # not compiled: another batch size would make a compiled trunk compile again, perhaps for any size
    with torch.random.fork_rng(devices), torch.enable_grad(), torch.compiler.set_stance("force_eager"):
        stage.eval()
        try:
            yield
        finally:
            for module, mode in modes.items():
                module.training = mode
