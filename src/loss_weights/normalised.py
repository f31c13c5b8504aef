"""Any loss weighting at the size of the plain sum of the losses."""

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from src.foundation.errors import UserError
from src.foundation.ranks import mean_over_ranks
from src.loss_weights.base import LOSS_WEIGHTS, LossWeighting, Parameters
from src.models.gradients import loss_gradients, with_gradients

ROUNDING = 1e-6  # a direction this much smaller than the plain sum's gradient is a zero up to rounding

Normalise = Annotated[
    bool,
    Field(
        description="scale to the size of the plain sum of the losses: weights that sum to the number of tasks, or a "
        "direction of the norm of the sum's gradient"
    ),
]


@LOSS_WEIGHTS.finish
def finish(weighting: LossWeighting, normalise: Normalise = False) -> LossWeighting:
    """Return a loss weighting as it is, or brought to the size of the plain sum."""
    return Normalised(weighting) if normalise else weighting


class Normalised(LossWeighting):
    """Scales what another weighting does to the size of the plain sum, with its direction or ratios kept.

    Where the result is a function of the losses, its slopes by them are scaled to sum to T. Where it is not, as with
    gradient methods, the shared parameters' gradient is scaled to the norm of the gradient of the losses' sum. The
    factor is a constant of the step and the same on every process. The gradients of the weighting's own parameters
    and, with gradient methods, of heads are left alone, and so is the scalar's value.

    Args:
        weighting: the weighting that is scaled.
    """

    def __init__(self, weighting: LossWeighting) -> None:
        super().__init__(weighting.tasks)
        self.weighting = weighting
        self.autograd_passes = weighting.autograd_passes
        self.parts = weighting.parts
        self.needs_losses_after_step = weighting.needs_losses_after_step
        self.latest: Tensor | None = None

    def combine(self, losses: Tensor, parameters: Parameters) -> Tensor:
        """Return the weighting's scalar of losses (T) or (T, parts), with its gradients scaled.

        Raises:
            UserError: the weights do not sum to a number above 0.
        """
        total = self.weighting.combine(losses, parameters)
        (slopes,) = torch.autograd.grad(total, losses, retain_graph=True, allow_unused=True)
        if slopes is None:
            return self._scale_direction(total, losses, parameters)
        factor = self._factor(slopes, losses.detach())
        self.latest = factor * slopes.reshape(len(self.tasks), -1).sum(dim=1)
        return total + ((factor - 1) * slopes * (losses - losses.detach())).sum()

    def _factor(self, slopes: Tensor, losses: Tensor) -> Tensor:
        """Return what brings the slopes' sum to the number of tasks; tasks without labels (loss 0) count in neither."""
        means, slopes = mean_over_ranks(torch.stack((losses, slopes))).reshape(2, len(self.tasks), -1).sum(dim=2)
        labelled = means != 0
        size = (slopes * labelled).sum()
        if labelled.any() and not size > 0:
            raise UserError(
                "loss_weights.normalise=true cannot scale these weights to the size of the plain sum",
                f"they sum to {size.item():.3g}",
                "loss_weights.normalise=false, or weights whose sum is above 0",
            )
        return torch.where(labelled.any(), labelled.sum() / size, torch.ones_like(size))

    def _scale_direction(self, total: Tensor, losses: Tensor, parameters: Parameters) -> Tensor:
        """Return a scalar with the gradients of ``total``, those of shared parameters scaled."""
        targets = [*parameters.shared, *parameters.task_specific, *self.parameters()]
        gradients = torch.autograd.grad(total, targets, retain_graph=True, allow_unused=True)
        shared = gradients[: len(parameters.shared)]
        flat = [torch.zeros_like(p) if g is None else g for p, g in zip(parameters.shared, shared, strict=True)]
        direction = torch.cat([g.flatten() for g in flat])
        plain = loss_gradients([losses.sum() / self.parts], parameters.shared)[0][0]
        size, norm = mean_over_ranks(torch.stack((direction, plain))).norm(dim=1)
        factor = torch.where(size > ROUNDING * norm, norm / size, torch.ones_like(size))
        weights = self.weighting.weights()
        self.latest = None if weights is None else factor * weights
        pairs = [(p, factor * g) for p, g in zip(parameters.shared, flat, strict=True)]
        others = zip(targets[len(flat) :], gradients[len(flat) :], strict=True)
        return with_gradients(total.detach(), [*pairs, *((p, g) for p, g in others if g is not None)])

    def after_step(self, losses: Tensor) -> None:
        """Pass the losses (T) after a step on."""
        self.weighting.after_step(losses)

    def end_epoch(self) -> None:
        """Pass the end of an epoch on."""
        self.weighting.end_epoch()

    def weights(self) -> Tensor | None:
        """Return the weights (T) of the last step as they were scaled; None where the method has none."""
        return self.latest
