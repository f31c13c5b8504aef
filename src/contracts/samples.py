"""Tiny random inputs: stored labels, targets and batches, with tasks and networks for parts that need some."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from src.models.base import MultiTaskNetwork, build_network
from src.tasks.base import TASKS, Task

IMAGES = 3
SIZE = (32, 48)
CLASSES = 5
SMALL = {"_target_": "small", "filters": [4, 6, 8, 8]}
Draw = Callable[[int, Tensor], Tensor]


def classes(count: int, unlabelled: Tensor) -> Tensor:
    """Draw int8 (N, H, W), -1 where unlabelled."""
    return torch.randint(max(count, 2), unlabelled.shape).masked_fill(unlabelled, -1).to(torch.int8)


def scalars(count: int, unlabelled: Tensor) -> Tensor:
    """Draw float16 (N, H, W), above 0, 0 where unlabelled."""
    return (torch.rand(unlabelled.shape) * 8 + 0.5).masked_fill(unlabelled, 0).half()


def vectors(count: int, unlabelled: Tensor) -> Tensor:
    """Draw float16 (N, H, W, channels) of unit length, 0 where unlabelled."""
    drawn = functional.normalize(torch.randn(*unlabelled.shape, count), dim=-1)
    return drawn.masked_fill(unlabelled[..., None], 0).half()


FORMS: dict[str, tuple[str, Draw]] = {
    "label": ("classes int8 (N, H, W), -1 without a label", classes),
    "depth": ("scalars float16 (N, H, W), 0 without a label", scalars),
    "normal": ("vectors float16 (N, H, W, channels), 0 without a label", vectors),
}
"""How a store holds labels, by the prefix of the modality: a description, and what draws a batch."""


@dataclass(frozen=True)
class Sample:
    """Targets of a task, and a head's output for them.

    Args:
        form: how the labels were stored.
        target: targets, some pixels without a label.
        empty: targets without any label.
        raw: a head's output (N, channels, H, W).
        unlabelled: which pixels of ``target`` have no label (N, H, W).
    """

    form: str
    target: Tensor
    empty: Tensor
    raw: Tensor
    unlabelled: Tensor


def invalid_pixels(task: Task, target: Tensor) -> Tensor:
    """Return where a target, (N, H, W) or (N, C, H, W), is ``invalid`` in all channels: (N, H, W)."""
    invalid = target.isnan() if task.invalid != task.invalid else target == task.invalid
    return invalid.all(1) if target.ndim == 4 else invalid


def draw_sample(task: Task, form: str, size: tuple[int, int] = SIZE) -> Sample:
    """Draw a sample whose labels are stored in one of FORMS."""
    words, draw = FORMS[form]
    unlabelled = torch.rand(IMAGES, *size) < 0.3
    target = task.target(draw(task.channels, unlabelled))
    empty = task.target(draw(task.channels, torch.ones_like(unlabelled)))
    return Sample(words, target, empty, torch.randn(IMAGES, task.channels, *size), unlabelled)


def usual_tasks() -> dict[str, Task]:
    """Build a task of each kind, for parts that need tasks."""
    configs: list[dict[str, Any]] = [
        {"_target_": "semantic", "classes": CLASSES},
        {"_target_": "depth"},
        {"_target_": "normal"},
    ]
    tasks: list[Task] = [TASKS.build(config) for config in configs]
    return {task.name: task for task in tasks}


def small_network(tasks: Mapping[str, Task]) -> MultiTaskNetwork:
    """Build a small network for some tasks."""
    return build_network(SMALL, {name: task.channels for name, task in tasks.items()})


def draw_batch(tasks: Mapping[str, Task]) -> dict[str, Tensor]:
    """Draw images (N, 3, H, W) and targets of the usual tasks, some pixels without a label."""
    forms = {name: next(form for form in FORMS if task.modality.startswith(form)) for name, task in tasks.items()}
    targets = {name: draw_sample(task, forms[name]).target for name, task in tasks.items()}
    return {"image": torch.randn(IMAGES, 3, *SIZE)} | targets
