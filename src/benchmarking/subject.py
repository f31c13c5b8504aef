"""What is measured: a stage with its data under a setting."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytorch_lightning as pl
import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from src.build import build_data, build_stage, task_configs
from src.data.module import DenseDataModule
from src.runs.hardware import choose_precision
from src.runs.teacher import Teacher
from src.runs.weights import build_network, build_tasks
from src.stages.base import DenseStage
from src.values import CONF

OPTIONS = {
    "teacher": ("stage=teacher",),
    "multi-task": ("stage=student", "distillation=none"),
    "distilled": ("stage=student",),
}
DISTILLATION = ("distillation", "adaptor", "distance")
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

    config: dict[str, Any]
    stage: DenseStage
    data: DenseDataModule


def overrides_of(stage: str, train: Sequence[str]) -> list[str]:
    """Give the overrides of a stage, without what is said of distillation where there is none."""
    plain = stage != "distilled"
    return [*(o for o in train if not (plain and o.lstrip("+").startswith(DISTILLATION))), *OPTIONS[stage]]


def build_subject(name: str, setting: Setting, train: Sequence[str]) -> Subject:
    """Build a stage under a setting; its teachers have random weights, which are as fast as any."""
    overrides = [
        *overrides_of(name, train),
        *DATA[setting.data],
        f"dataset.batch_size={setting.batch_size}",
        f"trainer.precision={setting.precision}",
        f"compile={str(bool(setting.compile)).lower()}",
        f"compile_mode={setting.compile if isinstance(setting.compile, str) else 'null'}",
    ]
    with initialize_config_dir(str(CONF), version_base="1.3"):
        composed = compose("train", overrides, return_hydra_config=True)
        if name == "teacher" and composed.get("task") is None:
            first = next(iter(composed.tasks))
            composed = compose("train", [*overrides, f"task={first}"], return_hydra_config=True)
    chosen = {key: value for key, value in composed.items() if key not in ("hydra", "names")}
    config: Any = OmegaConf.to_container(OmegaConf.create(chosen), resolve=True)
    config["names"] = {"loss_weights": "", "debug": None}
    tasks = build_tasks(task_configs(config))
    teachers = {
        task: Teacher("random weights", "", partial(build_network, config["model"], {task: tasks[task]}))
        for task in tasks
    }
    data = build_data(config, tasks)
    return Subject(config, build_stage(config, tasks, teachers if name == "distilled" else {}), data)


def fit(subject: Subject, clock: pl.Callback, steps: int) -> None:
    """Train for ``steps`` steps with ``clock`` as the only callback."""
    settings = subject.config["trainer"]
    trainer = pl.Trainer(
        accelerator=settings["accelerator"],
        devices=1,
        precision=choose_precision(settings["precision"], settings["accelerator"]),  # type: ignore[arg-type]
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
    trainer.fit(subject.stage, subject.data)


def device_of(subject: Subject) -> torch.device:
    """Return the device that the trainer takes."""
    on_gpu = subject.config["trainer"]["accelerator"] in ("auto", "gpu", "cuda") and torch.cuda.is_available()
    return torch.device("cuda" if on_gpu else "cpu")
