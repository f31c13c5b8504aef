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
from src.contracts.toy import EPOCH, TASKS, WEIGHTS, Toy, Training
from src.foundation.errors import UserError
from src.loss_weights.base import LOSS_WEIGHTS, LossWeighting
from src.loss_weights.normalised import Normalised
from src.models.gradients import loss_gradients

ORDER = (2, 0, 1)
ROUNDING = 1e-4


class WeightingSubject:
    """How a loss weighting is built."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self.config = config
        self.fresh()

    def fresh(self, tasks: Sequence[str] = TASKS) -> LossWeighting:
        """Build it for some tasks."""
        weighting: LossWeighting = LOSS_WEIGHTS.build(self.config, list(tasks))
        return weighting


LOSS_WEIGHTING = Contract(WeightingSubject, LossWeighting)


@LOSS_WEIGHTING.property(LossWeighting.combine, required=True)
def combines(subject: WeightingSubject) -> None:
    """combine() returns a finite float32 scalar with finite gradients, and does not write to .grad"""
    weighting = subject.fresh()
    expect(isinstance(weighting, LossWeighting), f"it is a {type(weighting).__name__}, not a LossWeighting")
    Training(weighting).run(2 * EPOCH + 1)


@LOSS_WEIGHTING.property(LossWeighting)
def everything_learns(subject: WeightingSubject) -> None:
    """Shared parameters, heads and its own parameters get a gradient"""
    training = Training(subject.fresh())
    training.step()
    parameters = trained(training.toy) | trained(training.weighting)
    without = [name for name, p in parameters.items() if p.grad is None]
    expect(not without, f"no gradient for {listed(without)}")


@LOSS_WEIGHTING.property(LossWeighting.combine)
def every_task_counts(subject: WeightingSubject) -> None:
    """Every task's loss reaches the shared parameters and the task's own within a few steps"""
    training = Training(subject.fresh())
    moved = {"shared": torch.zeros(len(TASKS)), "its own": torch.zeros(len(TASKS))}
    for number in range(8):
        torch.manual_seed(number)
        training.step(torch.rand(len(TASKS)) + 0.5)
        for what, parameter in (("shared", training.toy.alone), ("its own", training.toy.heads)):
            moved[what] += torch.zeros(len(TASKS)) if parameter.grad is None else parameter.grad.abs()
    for what, sums in moved.items():
        still = [task for task, value in zip(TASKS, sums, strict=True) if value == 0]
        expect(not still, f"{listed(still)} does not reach {what} parameters")


@LOSS_WEIGHTING.property(LossWeighting.weights)
def weights_are_told(subject: WeightingSubject) -> str:
    """weights() is None or one finite number per task"""
    training = Training(subject.fresh())
    training.step()
    if (weights := training.weighting.weights()) is None:
        return "None"
    expect_shape(weights, (len(TASKS),), WEIGHTS)
    expect_finite(weights, WEIGHTS)
    return ", ".join(f"{task} {weight:.3g}" for task, weight in zip(TASKS, weights.tolist(), strict=True))


@LOSS_WEIGHTING.property(LossWeighting)
def saves_and_restores(subject: WeightingSubject) -> None:
    """A new weighting that loads its state_dict continues with identical steps"""
    training = Training(subject.fresh())
    training.run(2 * EPOCH + 1)
    restored = Training(subject.fresh())
    restored.toy, restored.steps = copy.deepcopy(training.toy), training.steps
    restored.weighting.load_state_dict(through_a_file(training.weighting))
    for expected, seen in zip(training.run(EPOCH + 1), restored.run(EPOCH + 1), strict=True):
        for what, value in expected.items():
            expect_equal(seen[what], value, f"{what} in a later step", 1e-6)


@LOSS_WEIGHTING.property(LossWeighting)
def one_task(subject: WeightingSubject) -> str:
    """It works for a single task, or refuses it with a UserError"""
    for index, task in enumerate(TASKS):
        try:
            weighting = subject.fresh([task])
        except UserError as error:
            return f"refused: {error.what}"
        Training(weighting, [index]).run(EPOCH)
    return ""


def _with_zeros(subject: WeightingSubject, scale: Callable[[Tensor], Tensor]) -> None:
    training = Training(subject.fresh())
    for number in range(2 * EPOCH):
        training.step(scale(torch.ones(len(TASKS))) if number % 2 else 1.0)


@LOSS_WEIGHTING.property(LossWeighting.combine)
def a_task_without_labels(subject: WeightingSubject) -> None:
    """A batch without labels of one task (loss 0) keeps everything finite, in later steps too"""
    for index in range(len(TASKS)):
        _with_zeros(subject, lambda ones, index=index: ones.index_fill(0, torch.tensor(index), 0))  # type: ignore[misc]


@LOSS_WEIGHTING.property(LossWeighting.combine)
def no_labels_at_all(subject: WeightingSubject) -> None:
    """A batch without labels of any task keeps everything finite, in later steps too"""
    _with_zeros(subject, torch.zeros_like)


@LOSS_WEIGHTING.property(Normalised)
def normalises(subject: WeightingSubject) -> str:
    """normalise=true keeps the direction and makes weights of losses sum to T, or a direction as long as their sum's"""
    shared = {}
    for on in (False, True):
        training = Training(LOSS_WEIGHTS.build({**subject.config, "normalise": on}, list(TASKS)))
        toy, plain = training.toy, Toy(len(TASKS))
        torch.manual_seed(0)
        training.step()
        parts = [p.grad for p in (toy.alone, toy.layer) if p.grad is not None]
        shared[on], heads = torch.cat([g.flatten() for g in parts]), torch.zeros(len(TASKS))
        if toy.heads.grad is not None:
            heads = toy.heads.grad
    was, now = shared[False].norm(), shared[True].norm()
    expect_equal(shared[True] / now, shared[False] / was, "the direction", ROUNDING)
    rows = loss_gradients(plain.losses(), [plain.alone, plain.layer])[0]
    (steepness,) = torch.autograd.grad(plain.losses().sum(), plain.heads)
    weights = heads / steepness
    if not torch.allclose(weights @ rows, shared[True], rtol=ROUNDING):  # else it is a weighted sum of losses
        expect_equal(now, rows.sum(0).norm(), "the norm of the direction", ROUNDING)
    else:
        expect_equal(weights.sum(), torch.tensor(float(len(TASKS))), "the sum of the weights", ROUNDING)
    return f"by a factor of {now / was:.3g}"


@LOSS_WEIGHTING.property(LossWeighting.combine, note=True)
def order_of_tasks(subject: WeightingSubject) -> None:
    """Weights do not depend on the order of the tasks"""
    expected = Training(subject.fresh()).run(EPOCH + 1)
    seen = Training(subject.fresh([TASKS[index] for index in ORDER]), ORDER).run(EPOCH + 1)
    for one, other in zip(expected, seen, strict=True):
        for what, value in one.items():
            expect_equal(other[what], value[list(ORDER)] if what == WEIGHTS else value, what, ROUNDING)
