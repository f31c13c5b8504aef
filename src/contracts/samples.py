"""Tiny random inputs: stored labels, targets and batches, with tasks and networks for parts that need some."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor
from torch.nn import functional

from src.modalities.base import IGNORE, UNKNOWN, Kind, Modality
from src.modalities.known import EDGES, NORMAL, SALIENCY, depth
from src.modalities.targets import invalid_value
from src.models.base import MultiTaskNetwork, build_network
from src.tasks.base import TASKS, Task
from src.tasks.map_task import MapTask
from src.tasks.matching import name_of

IMAGES = 3
SIZE = (32, 48)
CLASSES = 5
SMALL = {"_target_": "small", "filters": [4, 6, 8, 8]}
KNOWN = {modality.name: modality for modality in (depth(), NORMAL, EDGES, SALIENCY)}
FORMS = {
    "classes": "classes int8 (N, H, W), -1 without a label",
    "scalar": "scalars float16 (N, H, W)",
    "vector": "vectors float16 (N, H, W, channels), 0 without a label",
    "binary": "uint8 (N, H, W), 0 or 1, 255 without a label",
}
"""How a store holds labels, by the kind of their modality."""


def sample_modality(kind: str, name: str) -> Modality:
    """Return a modality for a task that is built without a dataset."""
    if name in KNOWN and KNOWN[name].kind == kind:
        return KNOWN[name]
    names = tuple(f"class {index}" for index in range(CLASSES)) if kind == "classes" else ()
    return Modality(name=name, kind=cast(Kind, kind), channels=3 if kind == "vector" else 1, names=names)


def built_task(config: Mapping[str, Any]) -> Task:
    """Build a task; one by kind gets a modality of its kind."""
    given = config.get("modality")
    if TASKS.takes(config, "modality") and not isinstance(given, Mapping):
        kind = cast(type[MapTask], TASKS.part(config)).kind
        config = {**config, "modality": sample_modality(kind, str(given or name_of(config))).plain()}
    task: Task = TASKS.build(config)
    return task


def draw_stored(modality: Modality, unlabelled: Tensor) -> Tensor:
    """Draw labels as a store holds them, without labels where ``unlabelled`` (N, H, W)."""
    shape = unlabelled.shape
    if modality.kind == "classes":
        return torch.randint(max(modality.outputs, 2), shape).masked_fill(unlabelled, IGNORE).to(torch.int8)
    if modality.kind == "binary":
        return torch.randint(2, shape).masked_fill(unlabelled, UNKNOWN).to(torch.uint8)
    if modality.kind == "vector":
        drawn = functional.normalize(torch.randn(*shape, modality.channels), dim=-1)
        return drawn.masked_fill(unlabelled[..., None], 0).half()
    return (torch.rand(shape) * 8 + 0.5).masked_fill(unlabelled, invalid_value(modality)).half()


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


def draw_sample(task: Task, size: tuple[int, int] = SIZE) -> Sample:
    """Draw a sample whose labels are stored as the task's modality says."""
    unlabelled = torch.rand(IMAGES, *size) < 0.3
    target = task.target(draw_stored(task.modality, unlabelled))
    empty = task.target(draw_stored(task.modality, torch.ones_like(unlabelled)))
    raw = torch.randn(IMAGES, task.channels, *size)
    return Sample(FORMS[task.modality.kind], target, empty, raw, unlabelled)


def usual_tasks() -> dict[str, Task]:
    """Build a task of each of the usual kinds, for parts that need tasks."""
    configs: list[dict[str, Any]] = [
        {"_target_": "classes", "name": "semantic"},
        {"_target_": "scalar", "name": "depth"},
        {"_target_": "vector", "name": "normal"},
    ]
    return {task.name: task for task in map(built_task, configs)}


def small_network(tasks: Mapping[str, Task]) -> MultiTaskNetwork:
    """Build a small network for some tasks."""
    return build_network(SMALL, {name: task.channels for name, task in tasks.items()})


def draw_batch(tasks: Mapping[str, Task]) -> dict[str, Tensor]:
    """Draw images (N, 3, H, W) and targets of the usual tasks, some pixels without a label."""
    targets = {name: draw_sample(task).target for name, task in tasks.items()}
    return {"image": torch.randn(IMAGES, 3, *SIZE)} | targets
