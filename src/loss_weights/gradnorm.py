"""GradNorm: weights that equalise the tasks' gradient norms, corrected by their training rates."""

from collections.abc import Sequence
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from src.foundation.ranks import mean_over_ranks
from src.loss_weights.base import LOSS_WEIGHTS, LossWeighting, Parameters
from src.models.gradients import loss_gradients


@LOSS_WEIGHTS.register("gradnorm")
class GradNorm(LossWeighting):
    """Chen et al., ICML 2018, on the last shared layer.

    With n_t the norm of the layer's gradient of loss t, the weights minimise
    sum_t |w_t n_t - mean_s(w_s n_s) r_t^alpha|, where r_t is L_t / L_t(0) over its mean and the target counts
    as a constant. Its gradient by w_t is known, so the weights take a step of their own, without a further
    backward pass, and are then renormalised to sum to the number of tasks.
    """

    autograd_passes = True
    values: Tensor
    initial: Tensor
    started: Tensor

    def __init__(
        self,
        tasks: Sequence[str],
        alpha: Annotated[
            float, Field(ge=0, description="strength of the restoring force towards equal training rates")
        ] = 1.5,
        learning_rate: Annotated[float, Field(gt=0, description="of the weights' own descent")] = 0.025,
    ) -> None:
        super().__init__(tasks)
        self.alpha = alpha
        self.learning_rate = learning_rate
        self.register_buffer("values", torch.ones(len(tasks)))
        self.register_buffer("initial", torch.ones(len(tasks)))
        self.register_buffer("started", torch.zeros((), dtype=torch.bool))

    def combine(self, losses: Tensor, parameters: Parameters) -> Tensor:
        """Return the weighted sum of losses (T) under the present weights, then move the weights."""
        norms = mean_over_ranks(loss_gradients(losses, [parameters.last_layer])[0]).norm(dim=1)
        total = (self.values.clone() * losses).sum()
        self._step(norms, mean_over_ranks(losses.detach()))
        return total

    @torch.no_grad()
    def _step(self, norms: Tensor, losses: Tensor) -> None:
        """Take a step of the weights from gradient norms and losses (T) and renormalise them."""
        self.initial.copy_(torch.where(self.started, self.initial, losses))
        self.started.fill_(True)
        progress = losses / self.initial.clamp_min(1e-12)
        rates = progress / progress.mean().clamp_min(1e-12)
        weighted = self.values * norms
        target = weighted.mean() * rates**self.alpha
        moved = self.values - self.learning_rate * torch.sign(weighted - target) * norms
        moved = moved.clamp_min(1e-3)  # a weight at or below zero would train its task backwards
        self.values.copy_(moved * len(self.tasks) / moved.sum())

    def weights(self) -> Tensor:
        """Return the present weights (T), which sum to the number of tasks."""
        return self.values
