"""SDMGrad: weights from two independent estimates of the task gradients."""

from collections.abc import Sequence
from typing import Annotated

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from src.loss_weights.base import LOSS_WEIGHTS
from src.loss_weights.gradient_method import GradientMethod

SETTLED = 1e-9
"""Change of every weight below which the inner descent ends."""


@LOSS_WEIGHTS.register("sdmgrad")
class SDMGrad(GradientMethod):
    """Xiao et al., NeurIPS 2023, with the two halves of the batch as the two independent samples.

    Weights w on the simplex descend on w^T A w / 2 + lambda w^T A 1/T, where A is the symmetric part of J1 J2^T, the
    halves' task gradients, whose noise is independent up to the batch statistics of normalisation layers; they go on
    from the last step's. The direction is J^T (w + lambda 1/T) / (1 + lambda) with the whole batch's gradients J, where
    the paper draws a third sample.

    A step of the descent is ``learning_rate`` over the largest eigenvalue of A, so below 2 it converges whatever
    the size of the gradients. (The released code takes steps of 10, with momentum, on gradients of norm 1 or so:
    these jump from corner to corner of the simplex.)
    """

    parts = 2
    current: Tensor
    latest: Tensor

    def __init__(
        self,
        tasks: Sequence[str],
        strength: Annotated[float, Field(ge=0, description="lambda, weight of the mean gradient as regulariser")] = 0.3,
        learning_rate: Annotated[
            float, Field(gt=0, lt=2, description="of the weights' inner descent, over the largest curvature")
        ] = 1.0,
        iterations: Annotated[int, Field(ge=1, description="of the weights' inner descent, per step")] = 200,
    ) -> None:
        super().__init__(tasks)
        self.strength, self.learning_rate, self.iterations = strength, learning_rate, iterations
        uniform = torch.full((len(tasks),), 1 / len(tasks))
        self.register_buffer("current", uniform)
        self.register_buffer("latest", uniform.clone())

    def direction(self, jacobian: Tensor) -> Tensor:
        """Map gradients (2 T, P), a task's halves in a row, to a direction (P)."""
        first, second = jacobian[::2], jacobian[1::2]
        products = (first @ second.T).double().cpu().numpy()
        self.current.copy_(torch.as_tensor(self._descend((products + products.T) / 2)))
        mean = torch.full_like(self.current, 1 / len(self.tasks))
        self.latest.copy_((self.current + self.strength * mean) / (1 + self.strength))
        return self.latest.to(jacobian) @ (first + second) / 2

    def _descend(self, products: NDArray[np.float64]) -> NDArray[np.float64]:
        """Move the weights (T) by projected gradient descent under products of gradients (T, T)."""
        weights = self.current.double().cpu().numpy()
        steepest = np.abs(np.linalg.eigvalsh(products)).max()
        if steepest == 0:
            return weights
        scaled = products * (self.learning_rate / steepest)
        pull = self.strength * scaled.mean(axis=1)
        for _ in range(self.iterations):
            before, weights = weights, onto_simplex(weights - scaled @ weights - pull)
            if np.abs(weights - before).max() < SETTLED:
                break
        return weights

    def weights(self) -> Tensor:
        """Return the last step's weights (T) of the task gradients, which sum to 1."""
        return self.latest


def onto_simplex(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the point of the simplex nearest to ``values`` (T) (Duchi et al., ICML 2008)."""
    falling = np.sort(values)[::-1]
    excess = (np.cumsum(falling) - 1) / np.arange(1, len(values) + 1)
    return np.maximum(values - excess[falling > excess][-1], 0)
