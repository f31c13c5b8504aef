"""Teacher dropping: each step leaves some teachers out, never the one with the largest loss."""

import torch
from torch import Tensor

from src.foundation.errors import UserError
from src.foundation.ranks import mean_over_ranks, same_on_every_rank


def drop_teachers(losses: Tensor, probability: float, generator: torch.Generator | None = None) -> Tensor:
    """Map the teachers' losses (T) to 1 for those that are kept and 0 for the others (T).

    Each is dropped with ``probability``, but the one with the largest loss (UNIC, Sariyildiz et al., ECCV 2024,
    arXiv 2408.05088). Every process gets the same, provided that ``generator`` is the same on all.

    Raises:
        UserError: a probability outside [0, 1].
    """
    if not 0 <= probability <= 1:
        raise UserError(f"teachers cannot be dropped with probability {probability}", "it lies between 0 and 1")
    losses = mean_over_ranks(losses.detach())
    with same_on_every_rank(losses.device):
        drawn = torch.rand(losses.shape, generator=generator, device=losses.device)
    most_behind = torch.arange(len(losses), device=losses.device) == losses.argmax()
    return ((drawn >= probability) | most_behind).to(losses.dtype)
