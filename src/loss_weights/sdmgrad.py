"""SDMGrad: weights from two independent estimates of the task gradients."""

from collections.abc import Sequence
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor
from torchjd.aggregation import SDMGradWeighting

from src.loss_weights.base import LOSS_WEIGHTS
from src.loss_weights.gradient_method import GradientMethod
from src.loss_weights.torchjd_state import SavesMemory, TorchJdModule


@LOSS_WEIGHTS.register("sdmgrad")
class SDMGrad(SavesMemory, GradientMethod):
    """Xiao et al., NeurIPS 2023, with the two halves of the batch as the two independent samples.

    The weights are solved for with J1 J2^T, the halves' task gradients, whose noise is independent up to the batch
    statistics of normalisation layers. The step takes the whole batch's gradients, where the paper draws a third
    sample.

    Args:
        tasks: names of the tasks.
        strength: lambda, the weight of the mean gradient as regulariser.
        learning_rate: of the weights' inner descent.
        momentum: of the weights' inner descent.
        iterations: of the weights' inner descent, per step.
    """

    parts = 2
    latest: Tensor

    def __init__(
        self,
        tasks: Sequence[str],
        strength: Annotated[float, Field(ge=0, description="lambda, weight of the mean gradient as regulariser")] = 0.3,
        learning_rate: Annotated[float, Field(gt=0, description="of the weights' inner descent")] = 10.0,
        momentum: Annotated[float, Field(ge=0, lt=1, description="of the weights' inner descent")] = 0.5,
        iterations: Annotated[int, Field(ge=1, description="of the weights' inner descent, per step")] = 20,
    ) -> None:
        super().__init__(tasks)
        self.torchjd = TorchJdModule(lambda: SDMGradWeighting(learning_rate, momentum, iterations, strength))
        self.register_buffer("latest", torch.ones(len(tasks)))

    def direction(self, jacobian: Tensor) -> Tensor:
        """Map gradients (2 T, P), a task's halves in a row, to a direction (P)."""
        first, second = jacobian[::2], jacobian[1::2]
        weights = self.torchjd.module((first @ second.T).cpu()).to(jacobian)
        self.latest.copy_(weights)
        return weights @ (first + second) / 2

    def weights(self) -> Tensor:
        """Return the last step's weights (T) of the task gradients, which sum to 1."""
        return self.latest
