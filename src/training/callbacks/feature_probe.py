"""A probe of a student: similarity of its features to the teachers', and of its task gradients to each other."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import combinations
from math import isfinite
from pathlib import Path

import pytorch_lightning as pl
import torch
from torch import Tensor

from src.data.loading.module import DenseDataModule
from src.distillation.base import Distillation
from src.foundation.files import write_atomically
from src.metrics.similarity import channel_cosine, cosines, feature_cka
from src.models.base import Features, feature_of
from src.models.gradients import loss_gradients
from src.training.history import logged_values
from src.training.multi_task import MultiTaskModule
from src.visual.feature_curves import PREFIX, sheet
from src.visual.plots import Curve

Values = dict[str, float]


class FeatureProbe(pl.Callback):
    """Probes a student every few epochs on the first training images, not augmented, and leaves its training as it is.

    It logs ``probe/cosine/<teacher>/<level>`` between the two sides that are aligned, ``probe/cka/<teacher>/<level>``
    between the raw features at the student's level and at the teacher's, and, by the shared parameters and for task
    losses without weights, ``probe/gradient_cosine/<a>-<b>`` and ``probe/gradient_norm/<task>``. What has no value,
    such as the cosine of a zero gradient, is left out. Teachers are not probed. Only the first process probes: nothing
    in here may wait for the others.

    Args:
        folder: the run directory; its metrics.csv has the values of the epochs before a resumed run's first.
        every: epochs between probes.
        images: how many training images are probed, in one batch.
    """

    def __init__(self, folder: Path, every: int, images: int) -> None:
        self.history, self.picture = folder / "metrics.csv", folder / "pictures" / "probe.svg"
        self.every, self.images = every, images
        self.curves: dict[str, Curve] = {}

    def on_train_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Restore the curves of the epochs before a resumed run's first."""
        self.curves = {}
        for key, epoch, value in logged_values(self.history):
            if key.startswith(PREFIX) and epoch <= trainer.current_epoch:
                self.curves.setdefault(key, []).append((epoch, value))

    def on_train_epoch_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Probe, log and draw, if this epoch is one to probe at."""
        for key in self.curves:  # Lightning keeps the values of the last probe, which are not this epoch's
            trainer.callback_metrics.pop(key, None)
        epoch = trainer.current_epoch + 1
        if epoch % self.every or not trainer.is_global_zero or not isinstance(module, MultiTaskModule):
            return
        found = self._probe(trainer, module)
        values = {f"{PREFIX}{key}": value for key, value in found.items() if isfinite(value)}
        module.log_dict(values, on_step=False, on_epoch=True, batch_size=1, rank_zero_only=True)
        for key, value in values.items():
            self.curves.setdefault(key, []).append((epoch, value))
        if drawing := sheet(self.curves):
            write_atomically(self.picture, drawing)

    def _probe(self, trainer: pl.Trainer, module: MultiTaskModule) -> Values:
        """Compute all values of a probe by name, in eval mode."""
        data: DenseDataModule = trainer.datamodule  # type: ignore[attr-defined]
        rows = data.train_indices[: self.images]
        with _undisturbed(module):
            stored = {name: value.to(module.device) for name, value in data.train_set.__getitems__(rows).items()}
            batch = data.prepare(stored)
            image = batch["image"]
            with trainer.precision_plugin.forward_context():
                features = module.network.features(image)
                raw = module.network.predict(features, (image.shape[-2], image.shape[-1]))
                losses = module.task_losses(raw, batch)
                near = _similarities(module.distillation, features, image) if module.distillation else {}
            return near | _agreement(losses, module.network.shared_and_task_parameters()[0])


@torch.no_grad()
def _similarities(distillation: Distillation, student: Features, image: Tensor) -> Values:
    """Compute cosine and CKA of student and teacher features by teacher and level."""
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
    """Compute the norm of each task's gradient and the cosine of each pair, by the shared parameters."""
    gradients, _ = loss_gradients(list(losses.values()), shared)
    norms = dict(zip(losses, gradients.norm(dim=1).tolist(), strict=True))
    values = {f"gradient_norm/{task}": norm for task, norm in norms.items()}
    between = cosines(gradients).tolist()
    pairs = combinations(enumerate(losses), 2)
    return values | {f"gradient_cosine/{a}-{b}": between[i][j] for (i, a), (j, b) in pairs}


@contextmanager
def _undisturbed(module: MultiTaskModule) -> Iterator[None]:
    """Put all of ``module`` in eval mode and, at the end, modes and random generators back as they were."""
    modes = {part: part.training for part in module.modules()}
    devices = [module.device] if module.device.type == "cuda" else []
    # not compiled: another batch size would make a compiled trunk compile again, perhaps for any size
    with torch.random.fork_rng(devices), torch.enable_grad(), torch.compiler.set_stance("force_eager"):
        module.eval()
        try:
            yield
        finally:
            for part, mode in modes.items():
                part.training = mode
