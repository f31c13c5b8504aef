"""The contract of a task, continued: how its targets are transformed, judged and drawn."""

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
from src.contracts.task import ROUNDING, TASK, TaskInHand
from src.tasks.base import Task
from src.tasks.panels import draw_panel


@TASK.states(Task.hflip)
def hflip_moves_pixels(part: TaskInHand) -> None:
    """hflip() moves every pixel to its mirrored place"""
    task, before = part.task, part.sample.target
    after = task.hflip(before)
    expect_shape(after, before.shape, "the flipped target")
    wrong = int((invalid_pixels(task, after) != part.sample.unlabelled.flip(-1)).sum())
    expect(wrong == 0, f"{wrong} of {part.sample.unlabelled.numel()} pixels do not have their mirror image's label")


@TASK.states(Task.hflip)
def hflip_twice(part: TaskInHand) -> None:
    """hflip() twice gives the target back"""
    before = part.sample.target
    expect_equal(part.task.hflip(part.task.hflip(before)), before, "flipped twice", ROUNDING)


@TASK.states(Task.rescale)
def rescale_by_one(part: TaskInHand) -> None:
    """rescale() by 1 gives the target back, in its type"""
    before = part.sample.target
    after = part.task.rescale(before, torch.ones(len(before)))
    expect(after.dtype == before.dtype, f"{described(before)} becomes {described(after)}")
    expect_equal(after, before, "rescaled by 1", ROUNDING)


@TASK.states(Task)
def invalid_stays(part: TaskInHand) -> None:
    """hflip() and rescale() keep `invalid`"""
    scales = torch.linspace(1, 1.5, len(part.sample.empty))
    for name, after in (
        ("hflip", part.task.hflip(part.sample.empty)), ("rescale", part.task.rescale(part.sample.empty, scales))
    ):  # fmt: skip
        expect(invalid_pixels(part.task, after).all(), f"{name}() gives other values than {part.task.invalid}")


def _metrics(part: TaskInHand, raw: Tensor, images: int) -> dict[str, Tensor]:
    """Compute metrics that were updated with so many images at a time."""
    metrics, prediction = part.task.metrics(), part.task.activate(raw)
    for rows in torch.arange(len(raw)).split(images):
        metrics.update(prediction[rows], part.sample.target[rows])
    computed: dict[str, Tensor] = metrics.compute()
    return computed


@TASK.states(Task.metrics)
def metrics_are_declared(part: TaskInHand) -> None:
    """metrics() computes just the keys of higher_is_better, primary_metric and delta_m_metrics among them"""
    task, computed = part.task, _metrics(part, part.sample.raw, len(part.sample.raw))
    declared = set(task.higher_is_better)
    expect(set(computed) == declared, f"computed: {', '.join(computed)}; declared: {', '.join(task.higher_is_better)}")
    unknown = {task.primary_metric, *task.delta_m_metrics} - declared
    expect(not unknown, f"{', '.join(sorted(unknown))} is not among {', '.join(task.higher_is_better)}")
    for name, value in computed.items():
        expect_finite(torch.as_tensor(value), name)


@TASK.states(Task.metrics)
def metrics_do_not_depend_on_batches(part: TaskInHand) -> None:
    """metrics() are of the whole set, however it is cut into batches"""
    whole, cut = (_metrics(part, part.sample.raw, images) for images in (len(part.sample.raw), 1))
    for name, value in whole.items():
        expect_equal(torch.as_tensor(cut[name]), torch.as_tensor(value), f"{name} image by image", ROUNDING)


@TASK.states(Task.metrics)
def metrics_pass_over_unlabelled(part: TaskInHand) -> None:
    """metrics() do not depend on predictions where there is no label"""
    one, other = (_metrics(part, raw, 2) for raw in (part.sample.raw, part.changed_where_unlabelled))
    for name, value in one.items():
        expect_equal(torch.as_tensor(other[name]), torch.as_tensor(value), f"{name} once they are changed", ROUNDING)


@TASK.states(Task.colorize)
def pictures(part: TaskInHand) -> None:
    """colorize() draws truth and prediction as uint8 (H, W, 3), black where there is no label"""
    task, truth, unlabelled = part.task, part.sample.target[0], part.sample.unlabelled[0].numpy()
    drawn = {"the truth": task.colorize(truth.numpy())}
    drawn["the prediction"] = task.colorize(task.to_numpy(task.activate(part.sample.raw)[0]))
    for what, picture in drawn.items():
        expect_shape(picture, (*unlabelled.shape, 3), f"the picture of {what}")
        expect(picture.dtype == np.uint8, f"the picture of {what} is {described(picture)}, not uint8")
    expect(not drawn["the truth"][unlabelled].any(), "pixels without a label are not black")
    draw_panel(drawn["the truth"], {task.name: part.sample.raw[0]}, {task.name: truth}, {task.name: task})


@TASK.states(Task.error)
def error_map(part: TaskInHand) -> None:
    """error() is (H, W) in [0, 1], 0 where there is no label"""
    error = part.task.error(part.task.activate(part.sample.raw)[0], part.sample.target[0])
    unlabelled = part.sample.unlabelled[0].numpy()
    expect_shape(error, unlabelled.shape, "the map")
    expect(np.isfinite(error).all() and error.min() >= 0 and error.max() <= 1, f"it is in {error.min()}..{error.max()}")
    expect(not error[unlabelled].any(), f"it is up to {error[unlabelled].max()} where there is no label")


@TASK.states(Task.output_distillation_loss)
def output_distillation(part: TaskInHand) -> None:
    """output_distillation_loss() is a scalar with finite gradients, 0 where student and teacher say the same"""
    raw = part.sample.raw.clone().requires_grad_()
    for teacher, same in ((part.sample.raw, True), (part.sample.raw.flip(0), False)):
        loss = expect_scalar(part.task.output_distillation_loss(raw, teacher, 4.0), "it")
        expect(not same or abs(loss.item()) <= ROUNDING, f"it is {loss.item():.4g} for equal outputs")
        expect_gradients(loss, {"the student's output": raw})
