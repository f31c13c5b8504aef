"""The contract of a task."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from src.contracts.base import Contract, DoesNotHoldError, in_a_line
from src.contracts.expectations import (
    described,
    expect,
    expect_equal,
    expect_finite,
    expect_gradients,
    expect_scalar,
    expect_shape,
)
from src.contracts.samples import FORMS, Sample, built_task, draw_sample, invalid_pixels
from src.modalities.base import Modality
from src.tasks.base import Task

ROUNDING = 1e-5


class TaskSubject:
    """A task with targets and a head's output."""

    def __init__(self, task: Task) -> None:
        self.task = task

    @cached_property
    def sample(self) -> Sample:
        """A sample whose labels are stored as the task's modality says.

        Raises:
            DoesNotHoldError: the task does not take them.
        """
        try:
            sample = draw_sample(self.task)
            _require_targets(self.task, sample)
            return sample
        except Exception as error:  # whatever a task raises for what it does not take
            raise DoesNotHoldError(f"{FORMS[self.task.modality.kind]}: {in_a_line(error)}") from error

    @property
    def changed_where_unlabelled(self) -> Tensor:
        """The sample's raw output, changed where there is no label."""
        return torch.where(self.sample.unlabelled[:, None], self.sample.raw + 50, self.sample.raw)


def _require_targets(task: Task, sample: Sample) -> None:
    count, *size = sample.unlabelled.shape
    shapes = ((count, *size), (count, sample.target.shape[1], *size))
    expect(tuple(sample.target.shape) in shapes, f"the targets are {described(sample.target)}")
    wrong = invalid_pixels(task, sample.target) != sample.unlabelled
    expect(not wrong.any(), f"{int(wrong.sum())} pixels are {task.invalid} with a label, or not without one")


def _build(config: Mapping[str, Any]) -> TaskSubject:
    return TaskSubject(built_task(config))


TASK = Contract(_build, Task)


@TASK.property(Task, required=True)
def declares(subject: TaskSubject) -> str:
    """It declares its name, the modality of its labels and the channels of its head"""
    task = subject.task
    expect(isinstance(task, Task), f"it is a {type(task).__name__}, not a Task")
    for what, kind in (("name", str), ("modality", Modality), ("channels", int)):
        value = getattr(task, what, None)
        expect(isinstance(value, kind) and bool(value), f"{what} is {value!r}")
    return f"{task.name}, {task.modality.name}, {task.channels}"


@TASK.property(Task.target, required=True)
def target(subject: TaskSubject) -> str:
    """target() turns stored labels into (N, H, W) or (N, C, H, W), `invalid` exactly where there is no label"""
    return f"from {subject.sample.form}"


@TASK.property(Task.activate)
def activate(subject: TaskSubject) -> None:
    """activate() returns finite predictions of the shape of the head's output"""
    prediction = subject.task.activate(subject.sample.raw)
    expect_shape(prediction, subject.sample.raw.shape, "the prediction")
    expect_finite(prediction, "the prediction")


@TASK.property(Task.loss)
def loss_is_a_scalar(subject: TaskSubject) -> None:
    """loss() is a finite float32 scalar, for bfloat16 outputs too"""
    for raw in (subject.sample.raw, subject.sample.raw.bfloat16()):
        expect_scalar(subject.task.loss(raw, subject.sample.target), f"the loss of {described(raw)}")


@TASK.property(Task.loss)
def loss_has_gradients(subject: TaskSubject) -> None:
    """loss() has a finite gradient, also where the head's output is 0"""
    for raw in (subject.sample.raw.clone(), torch.zeros_like(subject.sample.raw)):
        expect_gradients(subject.task.loss(raw.requires_grad_(), subject.sample.target), {"the output": raw})


@TASK.property(Task.loss)
def loss_without_labels(subject: TaskSubject) -> None:
    """loss() of a batch without labels is 0, with a finite gradient"""
    raw = subject.sample.raw.clone().requires_grad_()
    loss = expect_scalar(subject.task.loss(raw, subject.sample.empty), "it")
    expect(loss == 0, f"it is {loss.item()}")
    expect_gradients(loss, {"the output": raw})


@TASK.property(Task.loss)
def loss_passes_over_unlabelled(subject: TaskSubject) -> None:
    """loss() does not depend on outputs where there is no label"""
    one, other = (
        subject.task.loss(raw, subject.sample.target) for raw in (subject.sample.raw, subject.changed_where_unlabelled)
    )
    expect_equal(other, one, "the loss after a change of those outputs", ROUNDING)


@TASK.property(Task.loss, note=True)
def loss_is_not_negative(subject: TaskSubject) -> None:
    """loss() is not negative, as loss weightings that take its logarithm need"""
    loss = subject.task.loss(subject.sample.raw, subject.sample.target)
    expect(loss >= 0, f"it is {loss.item():.4g}")


@TASK.property(Task, note=True)
def loss_does_not_wait(subject: TaskSubject) -> None:
    """loss() reads no values on the host, which would have to wait for the device"""
    raw, target = (value.to("meta") for value in (subject.sample.raw, subject.sample.target))
    expect_shape(subject.task.loss(raw, target), (), "the loss of tensors without values")
