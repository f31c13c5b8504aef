"""STCH: a soft maximum of how large each loss is beside its value early in training."""

from collections.abc import Sequence
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from src.foundation.ranks import mean_over_ranks
from src.loss_weights.base import LOSS_WEIGHTS, SMALLEST, LossWeighting, Parameters, require_not_negative
from src.loss_weights.tangent import at_mean_losses


@LOSS_WEIGHTS.register("stch")
class SmoothTchebycheff(LossWeighting):
    """Minimises T mu log sum_t exp(log(L_t / n_t) / mu) (Lin et al., ICML 2024, as their code of STCH_MTL does).

    The nadir n is each loss's mean over the epoch after ``warm_up``; until that epoch has ended, sum_t log L_t is
    minimised. Losses are averaged over processes, and those below 1e-8 count as 1e-8.
    """

    sums: Tensor
    steps: Tensor
    nadir: Tensor
    epochs: Tensor
    latest: Tensor

    def __init__(
        self,
        tasks: Sequence[str],
        mu: Annotated[float, Field(gt=0, description="smaller is nearer to the maximum of L / nadir")] = 1.0,
        warm_up: Annotated[
            int, Field(ge=0, description="epochs before the one over which the nadir, the mean losses, is taken")
        ] = 4,
    ) -> None:
        super().__init__(tasks)
        self.mu, self.warm_up = mu, warm_up
        self.register_buffer("sums", torch.zeros(len(tasks)))
        self.register_buffer("steps", torch.zeros(()))
        self.register_buffer("nadir", torch.ones(len(tasks)))
        self.register_buffer("epochs", torch.zeros((), dtype=torch.long))
        self.register_buffer("latest", torch.ones(len(tasks)))

    def combine(self, losses: Tensor, parameters: Parameters) -> Tensor:
        """Return the scalar of losses (T), whose gradient by them is ``weights``."""
        if self.epochs == self.warm_up:
            self.sums += mean_over_ranks(losses.detach())
            self.steps += 1
        total, slopes = at_mean_losses(self._value, losses)
        self.latest.copy_(slopes)
        return total

    def _value(self, losses: Tensor) -> Tensor:
        require_not_negative(losses.detach(), self.tasks)
        logarithms = losses.clamp_min(SMALLEST).log()
        if self.epochs <= self.warm_up:
            return logarithms.sum()
        return len(self.tasks) * self.mu * torch.logsumexp((logarithms - self.nadir.log()) / self.mu, dim=0)

    def end_epoch(self) -> None:
        """Take the nadir at the end of its epoch."""
        if self.epochs == self.warm_up:
            self.nadir.copy_((self.sums / self.steps.clamp_min(1)).clamp_min(SMALLEST))
        self.epochs += 1

    def weights(self) -> Tensor:
        """Return the scalar's slopes (T) by the losses in the last step."""
        return self.latest
