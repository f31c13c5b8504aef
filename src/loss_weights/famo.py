"""FAMO: weights learned from how far each step lowered each loss."""

from collections.abc import Sequence
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor
from torchjd.scalarization import FAMO

from src.foundation.ranks import mean_over_ranks
from src.loss_weights.base import LOSS_WEIGHTS, LossWeighting, Parameters, require_not_negative
from src.loss_weights.torchjd_state import SavesMemory, TorchJdModule


@LOSS_WEIGHTS.register()
class Famo(SavesMemory, LossWeighting):
    """Minimises c sum_t z_t log L_t with z = softmax(w) and c = 1 / sum_t z_t / L_t (Liu et al., NeurIPS 2023).

    After each step of the network, w takes an Adam step of its own along the drop of log L_t on the same batch.
    Losses are averaged over processes. FAMO itself runs on the CPU, on T numbers.
    """

    needs_losses_after_step = True
    latest: Tensor

    def __init__(
        self,
        tasks: Sequence[str],
        learning_rate: Annotated[float, Field(gt=0, description="of the weights' own Adam")] = 0.025,
        weight_decay: Annotated[float, Field(ge=0, description="of the weights' own Adam")] = 1e-3,
    ) -> None:
        super().__init__(tasks)
        self.torchjd = TorchJdModule(lambda: FAMO(len(tasks), lr=learning_rate, weight_decay=weight_decay))
        self.register_buffer("latest", torch.ones(len(tasks)))

    def combine(self, losses: Tensor, parameters: Parameters) -> Tensor:
        """Return FAMO's scalar of losses (T), whose gradient by them is ``weights``."""
        means = self._means(losses).requires_grad_()
        value = self.torchjd.module(means)
        (slopes,) = torch.autograd.grad(value, means)
        self.latest.copy_(slopes)
        return value.detach().to(losses.device) + self.latest.clone() @ (losses - losses.detach())

    def after_step(self, losses: Tensor) -> None:
        """Move the weights by the change of the losses (T)."""
        self.torchjd.module.update(self._means(losses))

    def _means(self, losses: Tensor) -> Tensor:
        means = mean_over_ranks(losses.detach()).float().cpu()
        require_not_negative(means, self.tasks)
        return means

    def weights(self) -> Tensor:
        """Return the last step's weights (T) of the task gradients; they are on the simplex."""
        return self.latest
