"""Gradient methods: TorchJD's aggregators on the shared trunk, each head on its own loss."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torchjd.aggregation import Aggregator

from src.balancing.base import LossWeighting, task_gradients


class Aggregated(LossWeighting):
    """Replaces the sum of task gradients on the trunk by an aggregation of them.

    The result is returned as a scalar whose gradient by the trunk's parameters is the aggregated one and by
    all other parameters that of the plain sum, so clipping, accumulation, bf16 and distributed averaging of
    the training loop go on as they are. Task gradients are averaged over processes before they are aggregated.
    """

    autograd_passes = True

    def __init__(self, tasks: Sequence[str], build_aggregator: Callable[[], Aggregator]) -> None:
        super().__init__(tasks)
        self.aggregator = build_aggregator()

    def combine(self, losses: Tensor, shared: Sequence[Tensor], last_layer: Tensor) -> Tensor:
        """Return the surrogate of losses (T): its value is their sum, its gradient on ``shared`` is aggregated."""
        jacobian = task_gradients(losses, shared)
        total = losses.sum()
        correction = self.aggregator(jacobian) - jacobian.sum(dim=0)
        flat = torch.cat([parameter.flatten() for parameter in shared])
        return total + (flat - flat.detach()) @ correction.detach()
