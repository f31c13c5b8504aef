"""The contract of a task."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from src.contracts.base import Contract, DoesNotHoldError
from src.contracts.expectations import (
    described,
    expect,
    expect_equal,
    expect_finite,
    expect_gradients,
    expect_scalar,
    expect_shape,
)
from src.contracts.samples import FORMS, Sample, draw_sample, invalid_pixels
from src.tasks.base import TASKS, Task

ROUNDING = 1e-5


class TaskInHand:
    """A task with a sample of what it works on."""

    def __init__(self, task: Task) -> None:
        self.task = task

    @cached_property
    def sample(self) -> Sample:
        """The sample whose labels are stored in a form that the task takes: the modality's, or else the first.

        Raises:
            DoesNotHoldError: it takes none of them.
        """
        named = [form for form in FORMS if self.task.modality.startswith(form)]
        refused = []
        for form in dict.fromkeys([*named, *FORMS]):
            try:
                sample = draw_sample(self.task, form)
                _require_targets(self.task, sample)
                return sample
            except Exception as error:  # whatever a task raises for what it does not take
                refused.append(f"{FORMS[form][0]}: {type(error).__name__}: {error}")
        raise DoesNotHoldError("; ".join(refused))

    @property
    def changed_where_unlabelled(self) -> Tensor:
        """The sample's raw output, changed where there is no label."""
        return torch.where(self.sample.unlabelled[:, None], self.sample.raw + 50, self.sample.raw)


def _require_targets(task: Task, sample: Sample) -> None:
    count, *size = sample.unlabelled.shape
    shapes = ((count, *size), (count, sample.target.shape[1], *size))
    expect(tuple(sample.target.shape) in shapes, f"target() gives {described(sample.target)}")
    wrong = invalid_pixels(task, sample.target) != sample.unlabelled
    expect(not wrong.any(), f"target() gives {int(wrong.sum())} pixels that are wrongly (not) {task.invalid}")


def _build(config: Mapping[str, Any]) -> TaskInHand:
    return TaskInHand(TASKS.build(config))


TASK = Contract(_build, Task)


@TASK.states(Task, needed=True)
def declares(part: TaskInHand) -> str:
    """Its name, the array of the store that holds its labels, and its channels are declared"""
    task = part.task
    expect(isinstance(task, Task), f"it is a {type(task).__name__}, which is no Task")
    for what, kind in (("name", str), ("modality", str), ("channels", int)):
        value = getattr(task, what, None)
        expect(isinstance(value, kind) and bool(value), f"{what} is {value!r}")
    return f"{task.name}, {task.modality}, {task.channels}"


@TASK.states(Task.target, needed=True)
def target(part: TaskInHand) -> str:
    """target() turns stored labels into (N, H, W) or (N, C, H, W), `invalid` just where there is no label"""
    return f"from {part.sample.form}"


@TASK.states(Task.activate)
def activate(part: TaskInHand) -> None:
    """activate() gives finite predictions of the shape of the head's output"""
    prediction = part.task.activate(part.sample.raw)
    expect_shape(prediction, part.sample.raw.shape, "the prediction")
    expect_finite(prediction, "the prediction")


@TASK.states(Task.loss)
def loss_is_a_scalar(part: TaskInHand) -> None:
    """loss() is a finite float32 scalar, for bfloat16 outputs too"""
    for raw in (part.sample.raw, part.sample.raw.bfloat16()):
        expect_scalar(part.task.loss(raw, part.sample.target), f"the loss of {described(raw)}")


@TASK.states(Task.loss)
def loss_has_gradients(part: TaskInHand) -> None:
    """loss() has a finite gradient by the head's output, at an output of 0 too"""
    for raw in (part.sample.raw.clone(), torch.zeros_like(part.sample.raw)):
        gradients = expect_gradients(part.task.loss(raw.requires_grad_(), part.sample.target), {"the output": raw})
    expect(gradients, "there is none")


@TASK.states(Task.loss)
def loss_without_labels(part: TaskInHand) -> None:
    """loss() of a batch without a label is 0, with a finite gradient"""
    raw = part.sample.raw.clone().requires_grad_()
    loss = expect_scalar(part.task.loss(raw, part.sample.empty), "it")
    expect(loss == 0, f"it is {loss.item()}")
    expect_gradients(loss, {"the output": raw})


@TASK.states(Task.loss)
def loss_passes_over_unlabelled(part: TaskInHand) -> None:
    """loss() does not depend on outputs where there is no label"""
    one, other = (part.task.loss(raw, part.sample.target) for raw in (part.sample.raw, part.changed_where_unlabelled))
    expect_equal(other, one, "the loss once those outputs are changed", ROUNDING)


@TASK.states(Task.loss, note=True)
def loss_is_not_negative(part: TaskInHand) -> None:
    """loss() is not negative, so that loss weightings may take its logarithm"""
    loss = part.task.loss(part.sample.raw, part.sample.target)
    expect(loss >= 0, f"it is {loss.item():.4g}")


@TASK.states(Task, note=True)
def loss_does_not_wait(part: TaskInHand) -> None:
    """loss() never looks at values on the host, so that it does not wait for the device"""
    expect_shape(part.task.loss(part.sample.raw.to("meta"), part.sample.target.to("meta")), (), "a loss without values")
