"""Measures one setting in a process of its own: each stage in turn, round after round."""

import logging
import statistics
import warnings
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch

from src.benchmarking.clock import PARTS, PartsClock, StepClock, seconds_of
from src.benchmarking.rates import PeakMemory, matrix_rate, step_flop
from src.benchmarking.subject import Setting, Subject, build_subject, device_of, fit
from src.distillation.levels import read_levels
from src.distillation.offline_distillation import OfflineDistillation
from src.foundation.hardware import choose_precision

Key = tuple[str, str]
"""Stage and variant."""


@dataclass(frozen=True)
class Effort:
    """Numbers of steps and rounds of a measurement."""

    warm_up: int
    steps: int
    rounds: int


@dataclass(frozen=True)
class Plan:
    """What is measured in turn: each of ``stages`` in each of ``variants``, which add overrides to ``train``."""

    stages: Sequence[str]
    variants: Mapping[str, Sequence[str]]
    train: Sequence[str]


def measure(setting: Setting, effort: Effort, plan: Plan) -> list[dict[str, Any]]:
    """Measure a plan under a setting; a row for each stage and variant, with what is measured in rounds as a list."""
    _be_quiet()
    subjects = {
        (stage, variant): build_subject(stage, setting, [*plan.train, *more])
        for stage in plan.stages
        for variant, more in plan.variants.items()
    }
    rows: dict[Key, dict[str, Any]] = {key: {"stage": key[0], "variant": key[1], **asdict(setting)} for key in subjects}
    times: dict[Key, list[float]] = defaultdict(list)
    for _ in range(effort.rounds):
        for name, subject in subjects.items():
            device = device_of(subject)
            memory = PeakMemory(device)
            clock = StepClock(effort.warm_up, effort.steps)
            fit(subject, clock, effort.warm_up + effort.steps)
            times[name].append(clock.seconds / effort.steps)
            rows[name]["memory"] = memory.read()
    for name, subject in subjects.items():
        rows[name] |= _summary(subject, times[name], setting) | _parts(subject, effort) | _evaluation(subject)
    return list(rows.values())


def _summary(subject: Subject, times: list[float], setting: Setting) -> dict[str, Any]:
    """Summarise the rounds of a subject."""
    config = subject.config
    precision = choose_precision(setting.precision, config.trainer.accelerator)
    distillation = config.distillation
    asks_outputs = distillation.get("output_weight") or distillation.get("adaptive_weights")
    levels = None if asks_outputs or "levels" not in distillation else set(read_levels(distillation["levels"]).values())
    flop = setting.batch_size * step_flop(config, subject.assembled.tasks, levels, _cached(subject))
    seconds = statistics.median(times)
    return {
        "precision": precision,
        "seconds": times,
        "images_per_second": setting.batch_size / seconds,
        "gflop_per_step": flop / 1e9,
        "utilisation": flop / seconds / matrix_rate(device_of(subject), precision),
    }


def _cached(subject: Subject) -> Collection[str]:
    """Name the teachers whose features are cached."""
    distillation = subject.assembled.distillation
    cache = distillation.cache if isinstance(distillation, OfflineDistillation) else None
    return cache.tables if cache else ()


def _parts(subject: Subject, effort: Effort) -> dict[str, Any]:
    clock = PartsClock(effort.warm_up)
    fit(subject, clock, effort.warm_up + effort.steps)
    return {"parts": {part: statistics.median(clock.seconds.get(part, [0.0])) for part in PARTS}}


@torch.no_grad()
def _evaluation(subject: Subject) -> dict[str, float]:
    """Measure images per second of prediction alone, and of prediction and metrics, in the precision of training."""
    device, module, data = device_of(subject), subject.module, subject.data
    trainer = subject.config.trainer
    half = choose_precision(str(trainer.precision), trainer.accelerator).startswith("bf16")
    module.to(device).eval()
    rows = list(range(min(len(data.test_set), subject.config.dataset.batch_size)))
    stored = {key: value.to(device) for key, value in data.test_set.__getitems__(rows).items()}
    batch = data.prepare(stored)
    with torch.autocast(device.type, torch.bfloat16, enabled=half):
        alone = [seconds_of(lambda: module(batch["image"]), device) for _ in range(5)]
        judged = [seconds_of(lambda: module.test_step(batch, 0), device) for _ in range(5)]
    return {
        "predicted_per_second": len(rows) / statistics.median(alone),
        "evaluated_per_second": len(rows) / statistics.median(judged),
    }


def _be_quiet() -> None:
    warnings.filterwarnings("ignore")
    for name in ("pytorch_lightning", "lightning_fabric", "lightning"):
        logging.getLogger(name).setLevel(logging.ERROR)
