"""Dynamic weight average: weights from how fast each loss fell over the last two epochs."""

from collections.abc import Sequence
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from src.foundation.ranks import mean_over_ranks
from src.loss_weights.base import LOSS_WEIGHTS, LossWeighting, Parameters


@LOSS_WEIGHTS.register("dwa")
class DynamicWeightAverage(LossWeighting):
    """w = T softmax(r / temperature) with r = L(e-1) / L(e-2), 1 for two epochs (Liu et al., CVPR 2019).

    Losses are averaged over processes step by step: DDP overwrites buffers by rank 0's, so a sum of a process's
    own losses would be lost. Epoch means live in buffers, so a resumed run goes on with them.
    """

    sums: Tensor
    steps: Tensor
    means: Tensor
    epochs: Tensor

    def __init__(
        self,
        tasks: Sequence[str],
        temperature: Annotated[float, Field(gt=0, description="large values weigh all tasks alike")] = 2.0,
    ) -> None:
        super().__init__(tasks)
        self.temperature = temperature
        self.register_buffer("sums", torch.zeros(len(tasks)))
        self.register_buffer("steps", torch.zeros(()))
        self.register_buffer("means", torch.ones(2, len(tasks)))
        self.register_buffer("epochs", torch.zeros(()))

    def combine(self, losses: Tensor, parameters: Parameters) -> Tensor:
        """Return the weighted sum of losses (T) and remember them for the epoch's mean."""
        self.sums += mean_over_ranks(losses.detach())
        self.steps += 1
        return (self.weights() * losses).sum()

    def end_epoch(self) -> None:
        """Close the epoch's mean losses."""
        mean = self.sums / self.steps.clamp_min(1)
        self.means.copy_(torch.stack((self.means[1], mean)))
        self.epochs += 1
        self.sums.zero_()
        self.steps.zero_()

    def weights(self) -> Tensor:
        """Return the epoch's weights (T), which sum to the number of tasks."""
        rates = torch.where(
            self.epochs >= 2, self.means[1] / self.means[0].clamp_min(1e-12), torch.ones_like(self.sums)
        )
        return len(self.tasks) * torch.softmax(rates / self.temperature, dim=0)
