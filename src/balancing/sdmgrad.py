"""SDMGrad: weights from two independent estimates of the task gradients."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torchjd.aggregation import SDMGradWeighting

from src.balancing.held import Held, Remembering
from src.balancing.surrogate import GradientMethod


class SDMGrad(Remembering, GradientMethod):
    """Xiao et al., NeurIPS 2023, with the two halves of the batch as the two independent samples.

    The weights are solved for with J1 J2^T, the halves' task gradients, whose noise is independent up to the batch
    statistics of normalisation layers. The step takes the whole batch's gradients, where the paper draws a third
    sample.

    Args:
        tasks: names of the tasks.
        strength: lambda, the pull towards the mean gradient.
        learning_rate: of the weights' inner descent.
        momentum: of the weights' inner descent.
        iterations: of the weights' inner descent, per step.
    """

    parts = 2
    latest: Tensor

    def __init__(
        self,
        tasks: Sequence[str],
        strength: float = 0.3,
        learning_rate: float = 10.0,
        momentum: float = 0.5,
        iterations: int = 20,
    ) -> None:
        super().__init__(tasks)
        self.held = Held(lambda: SDMGradWeighting(learning_rate, momentum, iterations, strength))
        self.register_buffer("latest", torch.ones(len(tasks)))

    def direction(self, jacobian: Tensor) -> Tensor:
        """Map gradients (2 T, P), a task's halves in a row, to a direction (P)."""
        first, second = jacobian[::2], jacobian[1::2]
        weights = self.held.module((first @ second.T).cpu()).to(jacobian)
        self.latest.copy_(weights)
        return weights @ (first + second) / 2

    def weights(self) -> Tensor:
        """Return the last step's weights (T) of the task gradients, which sum to 1."""
        return self.latest
