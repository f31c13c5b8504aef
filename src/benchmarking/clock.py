"""Times training steps inside Lightning's own loop, whole or in parts."""

import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import pytorch_lightning as pl
import torch
from torch import nn

from src.distillation.offline_distillation import OfflineDistillation
from src.training.multi_task import MultiTaskModule

PARTS = ("data", "teachers", "alignment", "student", "optimiser")
"""``student`` is its forward pass and the whole backward pass."""


class StepClock(pl.Callback):
    """Measures the seconds of ``steps`` steps after ``warm_up``, waiting for the device only at both ends."""

    def __init__(self, warm_up: int, steps: int) -> None:
        self.warm_up, self.steps = warm_up, steps
        self.count, self.started, self.seconds = 0, 0.0, 0.0

    def on_train_batch_end(self, trainer: pl.Trainer, module: pl.LightningModule, *args: Any) -> None:
        """Start the clock after the warm-up and stop it with the last step."""
        self.count += 1
        if self.count == self.warm_up:
            self.started = now(module.device)
        elif self.count == self.warm_up + self.steps:
            self.seconds = now(module.device) - self.started


class PartsClock(pl.Callback):
    """Splits each step after ``warm_up`` into PARTS, waiting for the device between parts, which costs time too."""

    def __init__(self, warm_up: int) -> None:
        self.warm_up = warm_up
        self.count = 0
        self.seconds: dict[str, list[float]] = defaultdict(list)
        self.inner: dict[str, float] = {}
        self.ended = self.started = self.stepping = 0.0

    def on_fit_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Time the teachers and the alignment."""
        if isinstance(module, MultiTaskModule) and isinstance(module.distillation, OfflineDistillation):
            self._watch(module.distillation, "teacher_outputs", "teachers", module)
        if isinstance(module, MultiTaskModule) and module.distillation:
            self._watch(module.distillation.alignment, "distances", "alignment", module)

    def on_train_epoch_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Begin to wait for data."""
        self.ended = now(module.device)

    def on_train_batch_start(self, trainer: pl.Trainer, module: pl.LightningModule, *args: Any) -> None:
        """End waiting for data."""
        self.started = now(module.device)
        self.inner = {"teachers": 0.0, "alignment": 0.0}

    def on_before_optimizer_step(self, trainer: pl.Trainer, module: pl.LightningModule, *args: Any) -> None:
        """End the backward pass."""
        self.stepping = now(module.device)

    def on_train_batch_end(self, trainer: pl.Trainer, module: pl.LightningModule, *args: Any) -> None:
        """Record the seconds of the step's parts."""
        end = now(module.device)
        self.count += 1
        if self.count > self.warm_up:
            student = self.stepping - self.started - sum(self.inner.values())
            parts = {"data": self.started - self.ended, "student": student, "optimiser": end - self.stepping}
            for name, seconds in (parts | self.inner).items():
                self.seconds[name].append(seconds)
        self.ended = end

    def _watch(self, watched: nn.Module, method: str, part: str, module: pl.LightningModule) -> None:
        """Replace ``method`` of ``watched`` by one that adds its seconds to the time of ``part``."""
        plain = getattr(watched, method)

        def timed(*args: Any) -> Any:
            begun = now(module.device)
            result = plain(*args)
            self.inner[part] += now(module.device) - begun
            return result

        setattr(watched, method, timed)


def now(device: torch.device) -> float:
    """Read the clock after the device has finished all queued work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def seconds_of(work: Callable[[], Any], device: torch.device) -> float:
    """Measure the seconds that ``work`` takes on the device."""
    start = now(device)
    work()
    return now(device) - start
