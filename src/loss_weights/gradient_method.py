"""Gradient methods: a direction for the shared trunk made from the gradient of each task loss."""

from abc import abstractmethod

import torch
from torch import Tensor

from src.foundation.ranks import mean_over_ranks
from src.loss_weights.base import LossWeighting, Parameters
from src.models.gradients import loss_gradients, with_gradients


class GradientMethod(LossWeighting):
    """Gives the trunk a direction made from task gradients; all others follow the sum of what is differentiated.

    The result is a scalar with those gradients, so clipping, accumulation, bf16 and distributed averaging of the
    training loop go on as they are, and the backward pass proper has nothing left to do behind the losses: one
    pass over the network per task is all. Task gradients are averaged over processes before they are combined.
    """

    autograd_passes = True

    def transform(self, losses: Tensor) -> Tensor:
        """Map losses to what is differentiated."""
        return losses

    @abstractmethod
    def direction(self, jacobian: Tensor) -> Tensor:
        """Map task gradients (T, P), or (T * parts, P) with a task's parts in a row, to a direction (P)."""

    def combine(self, losses: Tensor, parameters: Parameters) -> Tensor:
        """Return the mean over parts of the summed losses, with the trunk's gradient replaced."""
        rows = self.transform(losses).flatten()
        others = [*parameters.task_specific, *self.parameters()]
        jacobian, summed = loss_gradients(rows, parameters.shared, others)
        jacobian = mean_over_ranks(jacobian)
        with torch.no_grad():
            direction = self._finite_or_nan(jacobian)
        pieces = direction.split([p.numel() for p in parameters.shared])
        pairs = [(p, piece.view_as(p)) for p, piece in zip(parameters.shared, pieces, strict=True)]
        pairs += [(p, g / self.parts) for p, g in zip(others, summed, strict=True) if g is not None]
        return with_gradients(rows.detach().sum() / self.parts, pairs)

    def _finite_or_nan(self, jacobian: Tensor) -> Tensor:
        """Return the direction; NaN where the method fails at task gradients that are not finite.

        The training loop ends at such a direction, and says whose gradient it is; solvers fail in words of their own.
        """
        try:
            return self.direction(jacobian)
        except Exception:
            if bool(jacobian.isfinite().all()):
                raise
            return torch.full_like(jacobian[0], torch.nan)
