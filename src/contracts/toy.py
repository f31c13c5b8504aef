"""A toy problem of several tasks, on which a loss weighting is trained."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from src.contracts.expectations import expect, expect_finite, expect_scalar, listed
from src.loss_weights.base import LossWeighting, Parameters

TASKS = ("semantic", "depth", "normal")
SIDE = 3
EPOCH = 2
"""Steps in an epoch."""
WEIGHTS = "weights()"


class Toy(nn.Module):
    """Convex losses of shared parameters; one shared number and one head per task depend on that task alone."""

    def __init__(self, tasks: int) -> None:
        super().__init__()
        self.layer, self.alone, self.heads = (
            nn.Parameter(torch.zeros(SIDE, SIDE)), nn.Parameter(torch.zeros(tasks)), nn.Parameter(torch.zeros(tasks)),
        )  # fmt: skip
        self.goals = torch.randn(tasks, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
        self.steepness = torch.logspace(0, 1, tasks)

    def losses(self, parts: int = 1) -> Tensor:
        """Return a loss per task (T), or per task and part of the batch (T, parts); all are above 0."""
        apart = (self.layer - self.goals).square().mean((1, 2)) + (self.alone - 1).square() + (self.heads - 1).square()
        losses = self.steepness * apart + 0.1
        return losses if parts == 1 else losses[:, None] * torch.linspace(0.9, 1.1, parts)

    @property
    def parameters_behind(self) -> Parameters:
        """The toy's parameters, as a loss weighting gets them."""
        return Parameters([self.alone, self.layer], [self.heads], self.layer)


class Training:
    """Trains a toy under a loss weighting.

    Args:
        weighting: the weighting.
        order: indices of the toy's tasks, in the order in which the weighting gets them.
    """

    def __init__(self, weighting: LossWeighting, order: Sequence[int] = range(len(TASKS))) -> None:
        self.weighting, self.toy, self.order = weighting, Toy(len(TASKS)), list(order)
        self.steps = 0

    def step(self, scale: float | Tensor = 1.0) -> Tensor:
        """Train a step on scaled losses (T) and return the minimised scalar; gradients stay in ``grad``."""
        parts = self.weighting.parts
        parameters = dict(self.toy.named_parameters())
        parameters |= {f"the weighting's {name}": p for name, p in self.weighting.named_parameters()}
        scales = torch.as_tensor(scale).expand(len(self.order))
        losses = self.toy.losses(parts)[self.order]
        for parameter in parameters.values():
            parameter.grad = None
        total = self.weighting.combine(losses * (scales if parts == 1 else scales[:, None]), self.toy.parameters_behind)
        written = [name for name, p in self.toy.named_parameters() if p.grad is not None]
        expect(not written, f"combine() writes .grad of {listed(written)}")
        expect_scalar(total, "the result of combine()").backward()
        self._move(parameters)
        if self.weighting.needs_losses_after_step:
            self.weighting.after_step((self.toy.losses()[self.order] * scales).detach())
        self.steps += 1
        if self.steps % EPOCH == 0:
            self.weighting.end_epoch()
        return total.detach()

    @torch.no_grad()
    def _move(self, parameters: Mapping[str, Tensor]) -> None:
        for name, parameter in parameters.items():
            if parameter.grad is not None:
                expect_finite(parameter.grad, f"the gradient of {name}")
                parameter -= 0.01 * parameter.grad

    def run(self, steps: int) -> list[dict[str, Tensor]]:
        """Train some steps; return the minimised scalar, gradients and, if there are any, weights (T) of each."""
        seen: list[dict[str, Tensor]] = []
        for number in range(steps):
            torch.manual_seed(number)  # for methods that draw
            step = {"the result of combine()": self.step(1 + 0.2 * number)}
            step |= {
                f"the gradient of {n}": p.grad.clone() for n, p in self.toy.named_parameters() if p.grad is not None
            }
            if (weights := self.weighting.weights()) is not None:
                step[WEIGHTS] = weights.detach().clone()
            seen.append(step)
        return seen
