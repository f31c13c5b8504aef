"""Weights that do not change: uniform, or set by hand."""

from collections.abc import Mapping, Sequence
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from src.foundation.errors import UserError
from src.loss_weights.base import LOSS_WEIGHTS, LossWeighting, Parameters

Weights = Annotated[
    Mapping[str, float] | None, Field(description="weight of each task's loss; 1 where it is not named")
]


@LOSS_WEIGHTS.register()
class Fixed(LossWeighting):
    """Weighted sum of the losses; tasks without a weight of their own have weight 1."""

    values: Tensor

    def __init__(self, tasks: Sequence[str], weights: Weights = None) -> None:
        super().__init__(tasks)
        weights = dict(weights or {})
        unknown = sorted(task for task in set(weights) - set(tasks) if weights[task] != 1)  # 1 is the yaml's default
        if unknown:
            raise UserError(
                f"loss_weights.weights names unknown tasks: {', '.join(unknown)}",
                f"tasks: {', '.join(tasks)}",
            )
        self.register_buffer("values", torch.tensor([float(weights.get(task, 1.0)) for task in tasks]))

    def combine(self, losses: Tensor, parameters: Parameters) -> Tensor:
        """Return the weighted sum of losses (T)."""
        return (self.values * losses).sum()

    def weights(self) -> Tensor:
        """Return the fixed weights (T)."""
        return self.values
