"""The contract of a loss weighting."""

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from src.contracts.base import Contract
from src.contracts.expectations import (
    expect,
    expect_equal,
    expect_finite,
    expect_shape,
    listed,
    through_a_file,
    trained,
)
from src.contracts.toy import EPOCH, TASKS, WEIGHTS, Training
from src.foundation.errors import UserError
from src.loss_weights.base import LOSS_WEIGHTS, LossWeighting

ORDER = (2, 0, 1)
ROUNDING = 1e-4


class WeightingInHand:
    """A way to build a loss weighting."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self.config = config
        self.fresh()

    def fresh(self, tasks: Sequence[str] = TASKS) -> LossWeighting:
        """Build it for some tasks."""
        weighting: LossWeighting = LOSS_WEIGHTS.build(self.config, list(tasks))
        return weighting


LOSS_WEIGHTING = Contract(WeightingInHand, LossWeighting)


@LOSS_WEIGHTING.states(LossWeighting.combine, needed=True)
def combines(part: WeightingInHand) -> None:
    """combine() gives a finite float32 scalar and leaves .grad to the backward pass, whose gradients are finite"""
    weighting = part.fresh()
    expect(isinstance(weighting, LossWeighting), f"it is a {type(weighting).__name__}, which is no LossWeighting")
    Training(weighting).run(2 * EPOCH + 1)


@LOSS_WEIGHTING.states(LossWeighting)
def everything_learns(part: WeightingInHand) -> None:
    """Shared parameters, heads and the weights that it learns all get a gradient"""
    training = Training(part.fresh())
    training.step()
    parameters = trained(training.toy) | trained(training.weighting)
    without = [name for name, p in parameters.items() if p.grad is None]
    expect(not without, f"{listed(without)} gets none")


@LOSS_WEIGHTING.states(LossWeighting.combine)
def every_task_counts(part: WeightingInHand) -> None:
    """Every task moves the shared parameters and its own, over some steps"""
    training = Training(part.fresh())
    moved = {"shared": torch.zeros(len(TASKS)), "its own": torch.zeros(len(TASKS))}
    for number in range(8):
        torch.manual_seed(number)
        training.step(torch.rand(len(TASKS)) + 0.5)
        for what, parameter in (("shared", training.toy.alone), ("its own", training.toy.heads)):
            moved[what] += torch.zeros(len(TASKS)) if parameter.grad is None else parameter.grad.abs()
    for what, sums in moved.items():
        still = [task for task, value in zip(TASKS, sums, strict=True) if value == 0]
        expect(not still, f"{listed(still)} does not move {what} parameters")


@LOSS_WEIGHTING.states(LossWeighting.weights)
def weights_are_told(part: WeightingInHand) -> str:
    """weights() are None or one finite number per task"""
    training = Training(part.fresh())
    training.step()
    if (weights := training.weighting.weights()) is None:
        return "None"
    expect_shape(weights, (len(TASKS),), WEIGHTS)
    expect_finite(weights, WEIGHTS)
    return ", ".join(f"{task} {weight:.3g}" for task, weight in zip(TASKS, weights.tolist(), strict=True))


@LOSS_WEIGHTING.states(LossWeighting)
def saves_and_restores(part: WeightingInHand) -> None:
    """A fresh one that loads its state_dict takes the very same steps from there"""
    training = Training(part.fresh())
    training.run(2 * EPOCH + 1)
    restored = Training(part.fresh())
    restored.toy, restored.steps = copy.deepcopy(training.toy), training.steps
    restored.weighting.load_state_dict(through_a_file(training.weighting))
    for expected, seen in zip(training.run(EPOCH + 1), restored.run(EPOCH + 1), strict=True):
        for what, value in expected.items():
            expect_equal(seen[what], value, f"{what} in a later step", 1e-6)


@LOSS_WEIGHTING.states(LossWeighting)
def one_task(part: WeightingInHand) -> str:
    """It works for a single task, or refuses it with a UserError"""
    for index, task in enumerate(TASKS):
        try:
            weighting = part.fresh([task])
        except UserError as error:
            return f"refused: {error.what}"
        Training(weighting, [index]).run(EPOCH)
    return ""


def _with_zeros(part: WeightingInHand, scale: Callable[[Tensor], Tensor]) -> None:
    training = Training(part.fresh())
    for number in range(2 * EPOCH):
        training.step(scale(torch.ones(len(TASKS))) if number % 2 else 1.0)


@LOSS_WEIGHTING.states(LossWeighting.combine)
def a_task_without_labels(part: WeightingInHand) -> None:
    """A batch on which one task has no label, and so a loss of 0, leaves all finite, then and later"""
    for index in range(len(TASKS)):
        _with_zeros(part, lambda ones, index=index: ones.index_fill(0, torch.tensor(index), 0))  # type: ignore[misc]


@LOSS_WEIGHTING.states(LossWeighting.combine)
def no_labels_at_all(part: WeightingInHand) -> None:
    """A batch on which no task has a label leaves all finite, then and later"""
    _with_zeros(part, torch.zeros_like)


@LOSS_WEIGHTING.states(LossWeighting.combine, note=True)
def order_of_tasks(part: WeightingInHand) -> None:
    """Tasks in another order get the same weights"""
    expected = Training(part.fresh()).run(EPOCH + 1)
    seen = Training(part.fresh([TASKS[index] for index in ORDER]), ORDER).run(EPOCH + 1)
    for one, other in zip(expected, seen, strict=True):
        for what, value in one.items():
            expect_equal(other[what], value[list(ORDER)] if what == WEIGHTS else value, what, ROUNDING)
