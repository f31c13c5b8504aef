"""Functions of the losses whose slopes every process takes at the same losses."""

from collections.abc import Callable

import torch
from torch import Tensor

from src.foundation.ranks import mean_over_ranks, same_on_every_rank


def at_mean_losses(function: Callable[[Tensor], Tensor], losses: Tensor) -> tuple[Tensor, Tensor]:
    """Evaluate a function of losses (T) at their mean over processes, so that every process weighs its own alike.

    Returns:
        A scalar of the function's value there, and its slopes (T) there, which are the scalar's gradient by ``losses``.
    """
    means = mean_over_ranks(losses.detach()).requires_grad_()
    with same_on_every_rank(losses.device):
        value = function(means)
    (slopes,) = torch.autograd.grad(value, means, retain_graph=True)
    return value + slopes @ (losses - losses.detach()), slopes
