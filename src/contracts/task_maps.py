"""The contract of a task, continued: transforms of targets, metrics, pictures and output distillation."""

import numpy as np
import torch
from torch import Tensor

from src.contracts.expectations import (
    described,
    expect,
    expect_equal,
    expect_finite,
    expect_gradients,
    expect_scalar,
    expect_shape,
)
from src.contracts.samples import invalid_pixels
from src.contracts.task import ROUNDING, TASK, TaskSubject
from src.tasks.base import Task
from src.tasks.panels import draw_panel


@TASK.property(Task.hflip)
def hflip_moves_pixels(subject: TaskSubject) -> None:
    """hflip() moves every pixel to its mirrored position"""
    task, before = subject.task, subject.sample.target
    after = task.hflip(before)
    expect_shape(after, before.shape, "the flipped target")
    wrong = int((invalid_pixels(task, after) != subject.sample.unlabelled.flip(-1)).sum())
    expect(wrong == 0, f"{wrong} of {subject.sample.unlabelled.numel()} pixels are not those of the mirrored target")


@TASK.property(Task.hflip)
def hflip_twice(subject: TaskSubject) -> None:
    """hflip() applied twice returns the target"""
    before = subject.sample.target
    expect_equal(subject.task.hflip(subject.task.hflip(before)), before, "the target after two flips", ROUNDING)


@TASK.property(Task.rescale)
def rescale_by_one(subject: TaskSubject) -> None:
    """rescale() by 1 returns the target, in its dtype"""
    before = subject.sample.target
    after = subject.task.rescale(before, torch.ones(len(before)))
    expect(after.dtype == before.dtype, f"{described(before)} becomes {described(after)}")
    expect_equal(after, before, "the target after rescaling by 1", ROUNDING)


@TASK.property(Task)
def invalid_stays(subject: TaskSubject) -> None:
    """hflip() and rescale() keep `invalid`"""
    task, empty = subject.task, subject.sample.empty
    scales = torch.linspace(1, 1.5, len(empty))
    for name, after in (("hflip", task.hflip(empty)), ("rescale", task.rescale(empty, scales))):
        expect(invalid_pixels(task, after).all(), f"{name}() returns values other than {task.invalid}")


def _metrics(subject: TaskSubject, raw: Tensor, images: int) -> dict[str, Tensor]:
    """Compute the metrics, updated with ``images`` images at a time."""
    metrics, prediction = subject.task.metrics(), subject.task.activate(raw)
    for rows in torch.arange(len(raw)).split(images):
        metrics.update(prediction[rows], subject.sample.target[rows])
    computed: dict[str, Tensor] = metrics.compute()
    return computed


@TASK.property(Task.metrics)
def metrics_are_declared(subject: TaskSubject) -> None:
    """metrics() compute exactly the keys of higher_is_better, including primary_metric and delta_m_metrics"""
    task, computed = subject.task, _metrics(subject, subject.sample.raw, len(subject.sample.raw))
    declared = set(task.higher_is_better)
    expect(set(computed) == declared, f"computed: {', '.join(computed)}; declared: {', '.join(task.higher_is_better)}")
    unknown = {task.primary_metric, *task.delta_m_metrics} - declared
    expect(not unknown, f"{', '.join(sorted(unknown))} is not among {', '.join(task.higher_is_better)}")
    for name, value in computed.items():
        expect_finite(torch.as_tensor(value), name)


@TASK.property(Task.metrics)
def metrics_do_not_depend_on_batches(subject: TaskSubject) -> None:
    """metrics() do not depend on how images are split into batches"""
    whole, cut = (_metrics(subject, subject.sample.raw, images) for images in (len(subject.sample.raw), 1))
    for name, value in whole.items():
        expect_equal(torch.as_tensor(cut[name]), torch.as_tensor(value), f"{name} image by image", ROUNDING)


@TASK.property(Task.metrics)
def metrics_pass_over_unlabelled(subject: TaskSubject) -> None:
    """metrics() do not depend on predictions where there is no label"""
    one, other = (_metrics(subject, raw, 2) for raw in (subject.sample.raw, subject.changed_where_unlabelled))
    for name, value in one.items():
        what = f"{name} after a change of those predictions"
        expect_equal(torch.as_tensor(other[name]), torch.as_tensor(value), what, ROUNDING)


@TASK.property(Task.colorize)
def pictures(subject: TaskSubject) -> None:
    """colorize() draws truth and prediction as uint8 (H, W, 3), black where there is no label"""
    task, truth, unlabelled = subject.task, subject.sample.target[0], subject.sample.unlabelled[0].numpy()
    drawn = {"the truth": task.colorize(truth.numpy())}
    drawn["the prediction"] = task.colorize(task.to_numpy(task.activate(subject.sample.raw)[0]))
    for what, picture in drawn.items():
        expect_shape(picture, (*unlabelled.shape, 3), f"the picture of {what}")
        expect(picture.dtype == np.uint8, f"the picture of {what} is {described(picture)}, not uint8")
    expect(not drawn["the truth"][unlabelled].any(), "pixels without a label are not black")
    draw_panel(drawn["the truth"], {task.name: subject.sample.raw[0]}, {task.name: truth}, {task.name: task})


@TASK.property(Task.error)
def error_map(subject: TaskSubject) -> None:
    """error() is (H, W) in [0, 1], 0 where there is no label"""
    error = subject.task.error(subject.task.activate(subject.sample.raw)[0], subject.sample.target[0])
    unlabelled = subject.sample.unlabelled[0].numpy()
    expect_shape(error, unlabelled.shape, "the map")
    inside = np.isfinite(error).all() and error.min() >= 0 and error.max() <= 1
    expect(inside, f"it ranges from {error.min():.3g} to {error.max():.3g}")
    expect(not error[unlabelled].any(), f"it is up to {error[unlabelled].max():.3g} where there is no label")


@TASK.property(Task.output_distillation_loss)
def output_distillation(subject: TaskSubject) -> None:
    """output_distillation_loss() is a scalar with finite gradients, 0 for equal outputs"""
    raw = subject.sample.raw.clone().requires_grad_()
    for teacher, same in ((subject.sample.raw, True), (subject.sample.raw.flip(0), False)):
        loss = expect_scalar(subject.task.output_distillation_loss(raw, teacher, 4.0), "it")
        expect(not same or abs(loss.item()) <= ROUNDING, f"it is {loss.item():.4g} for equal outputs")
        expect_gradients(loss, {"the student's output": raw})
