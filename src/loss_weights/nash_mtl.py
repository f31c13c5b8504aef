"""Nash-MTL: the bargaining solution between the tasks."""

from collections.abc import Sequence
from typing import Annotated

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from src.loss_weights.base import LOSS_WEIGHTS
from src.loss_weights.gradient_method import GradientMethod

ITERATIONS = 100
RIDGE = 1e-8
"""Added to the cosines' diagonal, so that opposite gradients, which have no bargain, have a solution too."""


@LOSS_WEIGHTS.register("nash_mtl")
class NashBargaining(GradientMethod):
    """Navon et al., ICML 2022: the direction J^T a where J J^T a = 1 / a, cut to a norm of ``max_norm``.

    Its norm is sqrt(T) whatever the size of the gradients, so that the cut decides it. The released code approximates
    the solution by a sequence of convex programs, from which it falls back to the last one's weights where a solver
    fails; the equation is that of the minimum of a^T J J^T a / 2 - sum_t log a_t, which is convex.
    """

    latest: Tensor
    bargain: Tensor
    step: Tensor

    def __init__(
        self,
        tasks: Sequence[str],
        max_norm: Annotated[float, Field(ge=0, description="largest norm of the direction; 0 does not limit it")] = 1.0,
        update_weights_every: Annotated[int, Field(ge=1, description="steps between solutions")] = 1,
    ) -> None:
        super().__init__(tasks)
        self.max_norm, self.update_weights_every = max_norm, update_weights_every
        self.register_buffer("bargain", torch.ones(len(tasks), dtype=torch.double))
        self.register_buffer("latest", torch.ones(len(tasks)))
        self.register_buffer("step", torch.zeros((), dtype=torch.long))

    def direction(self, jacobian: Tensor) -> Tensor:
        """Map task gradients (T, P) to a direction (P)."""
        if self.step % self.update_weights_every == 0:
            self.bargain.copy_(torch.as_tensor(bargain((jacobian @ jacobian.T).double().cpu().numpy())))
        self.step += 1
        direction = self.bargain.to(jacobian) @ jacobian
        norm = direction.norm()
        cut = (self.max_norm / norm).clamp(max=1) if self.max_norm and norm > 0 else torch.ones_like(norm)
        self.latest.copy_(cut * self.bargain)
        return cut * direction

    def weights(self) -> Tensor:
        """Return the last step's weights (T) of the task gradients."""
        return self.latest


def bargain(gramian: NDArray[np.float64]) -> NDArray[np.float64]:
    """Solve G a = 1 / a for a > 0 (T) by damped Newton steps; a task without a gradient gets 0."""
    norms = np.sqrt(gramian.diagonal())
    taking_part = norms > 0
    norms, gramian = norms[taking_part], gramian[np.ix_(taking_part, taking_part)]
    cosines = gramian / np.outer(norms, norms) + RIDGE * np.eye(len(norms))
    shares = np.ones(len(norms))  # a_t |g_t|, which the gradients' sizes do not enter
    for _ in range(ITERATIONS):
        slopes = cosines @ shares - 1 / shares
        step = np.linalg.solve(cosines + np.diag(shares**-2), slopes)
        decrement = np.sqrt(max(slopes @ step, 0.0))
        shares = shares - step / (1 + decrement)  # stays above 0 (Nesterov and Nemirovski 1994, self-concordance)
        if decrement < 1e-10:
            break
    weights = np.zeros(len(taking_part))
    weights[taking_part] = shares / norms
    return weights
