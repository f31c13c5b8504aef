"""What is measured: a stage with its data under a setting."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytorch_lightning as pl
import torch

from src.app.assemble import Assembled, assemble
from src.app.command import read_checked
from src.app.composing import composed_values
from src.app.configuration.train import TrainConfig
from src.app.open_data import tasks_on_data
from src.app.overrides import read_command_line, select_overrides
from src.app.rules import Request, broken_rules
from src.data.loading.module import DenseDataModule
from src.distillation.base import REGIMES
from src.foundation.errors import refuse
from src.foundation.hardware import choose_precision
from src.models.base import build_network
from src.runs.network_file import build_tasks
from src.runs.teacher import Teacher
from src.training.base import DenseModule

OPTIONS = {
    "teacher": ("stage=teacher",),
    "multi-task": ("stage=student", "distillation=none"),
    "distilled": ("stage=student",),
}
OF_STUDENTS = ("distillation", "adaptor", "distance", "teacher", "teacher_cache", "probe")
"""Keys and groups that belong to distilled students."""
DATA = {"memmap": (), "workers": ("dataset.workers=2",), "resident": ("dataset.resident=true",)}


@dataclass(frozen=True)
class Setting:
    """What is the same for all stages of a comparison."""

    batch_size: int
    precision: str
    compile: bool | str
    """Whether trunks are compiled, or in which of torch.compile's modes."""
    data: str


@dataclass
class Subject:
    """A stage with its data, ready to be fitted again and again."""

    config: TrainConfig
    assembled: Assembled

    @property
    def module(self) -> DenseModule:
        """The module that is fitted."""
        return self.assembled.module

    @property
    def data(self) -> DenseDataModule:
        """Its data."""
        return self.assembled.data


def overrides_of(stage: str, train: Sequence[str]) -> list[str]:
    """Return the overrides of a stage, without those of distillation where there is none."""
    dropped = [] if stage == "distilled" else select_overrides(train, *OF_STUDENTS)
    dropped += select_overrides(train, "loss_weights") if stage == "teacher" else []
    return [*(override for override in train if override not in dropped), *OPTIONS[stage]]


def build_subject(name: str, setting: Setting, train: Sequence[str]) -> Subject:
    """Build a module under a setting; its teachers have random weights, which are as fast as any."""
    overrides = [
        *overrides_of(name, train),
        *DATA[setting.data],
        f"dataset.batch_size={setting.batch_size}",
        f"trainer.precision={setting.precision}",
        f"compile={str(bool(setting.compile)).lower()}",
        f"compile_mode={setting.compile if isinstance(setting.compile, str) else 'null'}",
    ]
    config, values = composed_training(name, overrides)
    tasks = build_tasks(tasks_on_data(config))
    teachers = {
        task: Teacher("random weights", "", partial(build_network, config.model, {task: tasks[task].channels}))
        for task in tasks
    }
    teachers = teachers if name == "distilled" and needs_teachers(config) else {}
    return Subject(config, assemble(config, values, teachers=teachers))


def composed_training(name: str, overrides: Sequence[str]) -> tuple[TrainConfig, dict[str, Any]]:
    """Compose the configuration that trains a stage; raises UserError for overrides that it does not take."""
    overrides = [*overrides, *([] if name != "teacher" or select_overrides(overrides, "task") else ["task=semantic"])]
    line = read_command_line(overrides)
    refuse(line.mistakes)
    values = composed_values("train", line.rewritten)
    return read_checked(TrainConfig, values, overrides, lambda config, o: broken_rules(Request(config, o))), values


def needs_teachers(config: TrainConfig) -> bool:
    """Whether a student's regime takes trained teachers."""
    needs: bool = REGIMES.traits(config.distillation).needs_trained_teachers
    return needs


def fit(subject: Subject, clock: pl.Callback, steps: int) -> None:
    """Train for ``steps`` steps with ``clock`` as the only callback."""
    settings = subject.config.trainer
    trainer = pl.Trainer(
        accelerator=settings.accelerator,
        devices=1,
        precision=choose_precision(str(settings.precision), settings.accelerator),  # type: ignore[arg-type]
        max_steps=steps,
        max_epochs=10**6,
        limit_val_batches=0,
        callbacks=[clock],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
    )
    trainer.fit(subject.module, subject.data)


def device_of(subject: Subject) -> torch.device:
    """Return the device that the trainer uses."""
    on_gpu = subject.config.trainer.accelerator in ("auto", "gpu", "cuda") and torch.cuda.is_available()
    return torch.device("cuda" if on_gpu else "cpu")
