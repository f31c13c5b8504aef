"""Measures one setting in a process of its own: each stage in turn, round after round."""

import logging
import statistics
import warnings
from collections import defaultdict
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import pytorch_lightning as pl
import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from src.benchmarking.clock import PARTS, PartsClock, StepClock, seconds_of
from src.benchmarking.rates import PeakMemory, matrix_rate, step_flop
from src.build import build_data, build_stage, task_configs
from src.data.module import DenseDataModule
from src.distillation.levels import read_levels
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
DATA = {"memmap": (), "workers": ("dataset.workers=2",), "resident": ("dataset.resident=true",)}


@dataclass(frozen=True)
class Setting:
    """What is the same for all stages of a comparison."""

    batch_size: int
    precision: str
    compile: bool
    data: str


@dataclass(frozen=True)
class Effort:
    """How long is measured."""

    warm_up: int
    steps: int
    rounds: int


@dataclass
class Subject:
    """A stage with its data, ready to be fitted again and again."""

    config: dict[str, Any]
    stage: DenseStage
    data: DenseDataModule


def measure(setting: Setting, effort: Effort, stages: list[str], train: list[str]) -> list[dict[str, Any]]:
    """Measure ``stages`` under a setting; a row each, with a value per round where it is measured in rounds."""
    _be_quiet()
    subjects = {name: _subject(name, setting, train) for name in stages}
    rows: dict[str, dict[str, Any]] = {name: {"stage": name, **asdict(setting)} for name in stages}
    times: dict[str, list[float]] = defaultdict(list)
    for _ in range(effort.rounds):
        for name, subject in subjects.items():
            device = _device(subject)
            memory = PeakMemory(device)
            clock = StepClock(effort.warm_up, effort.steps)
            _fit(subject, clock, effort.warm_up + effort.steps)
            times[name].append(clock.seconds / effort.steps)
            rows[name]["memory"] = memory.read()
    for name, subject in subjects.items():
        rows[name] |= _summary(name, subject, times[name], setting) | _parts(subject, effort) | _evaluation(subject)
    return list(rows.values())


def _subject(name: str, setting: Setting, train: list[str]) -> Subject:
    overrides = [
        *train,
        *OPTIONS[name],
        *DATA[setting.data],
        f"dataset.batch_size={setting.batch_size}",
        f"trainer.precision={setting.precision}",
        f"compile={str(setting.compile).lower()}",
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


def _fit(subject: Subject, clock: pl.Callback, steps: int) -> None:
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


def _summary(name: str, subject: Subject, times: list[float], setting: Setting) -> dict[str, Any]:
    precision = choose_precision(setting.precision, subject.config["trainer"]["accelerator"])
    distils = name == "distilled"
    levels = set(read_levels(subject.config["distillation"]["levels"]).values()) if distils else set()
    flop = setting.batch_size * step_flop(subject.config, task_configs(subject.config), distils, levels)
    seconds = statistics.median(times)
    return {
        "precision": precision,
        "seconds": times,
        "images_per_second": setting.batch_size / seconds,
        "gflop_per_step": flop / 1e9,
        "utilisation": flop / seconds / matrix_rate(_device(subject), precision),
    }


def _parts(subject: Subject, effort: Effort) -> dict[str, Any]:
    clock = PartsClock(effort.warm_up)
    _fit(subject, clock, effort.warm_up + effort.steps)
    return {"parts": {part: statistics.median(clock.seconds.get(part, [0.0])) for part in PARTS}}


@torch.no_grad()
def _evaluation(subject: Subject) -> dict[str, float]:
    """Images a second through prediction alone, and through prediction and metrics, on the test split."""
    device, stage, data = _device(subject), subject.stage, subject.data
    stage.to(device).eval()
    rows = list(range(min(len(data.test_set), subject.config["dataset"]["batch_size"])))
    stored = {key: value.to(device) for key, value in data.test_set.__getitems__(rows).items()}
    batch = data.prepare(stored)
    alone = [seconds_of(lambda: stage(batch["image"]), device) for _ in range(5)]
    judged = [seconds_of(lambda: stage.test_step(batch, 0), device) for _ in range(5)]
    return {
        "predicted_per_second": len(rows) / statistics.median(alone),
        "evaluated_per_second": len(rows) / statistics.median(judged),
    }


def _device(subject: Subject) -> torch.device:
    on_gpu = subject.config["trainer"]["accelerator"] in ("auto", "gpu", "cuda") and torch.cuda.is_available()
    return torch.device("cuda" if on_gpu else "cpu")


def _be_quiet() -> None:
    warnings.filterwarnings("ignore")
    for name in ("pytorch_lightning", "lightning_fabric", "lightning"):
        logging.getLogger(name).setLevel(logging.ERROR)
