"""Teacher dropping: each step, or each image of it, leaves some teachers out, never the one with the largest loss."""

from collections.abc import Mapping

import torch
from torch import Tensor

from src.foundation.errors import UserError
from src.foundation.ranks import mean_over_ranks, same_on_every_rank


def drop_teachers(losses: Tensor, probability: float, generator: torch.Generator | None = None) -> Tensor:
    """Map the teachers' losses (T) to 1 for those that are kept and 0 for the others (T).

    Each is dropped with ``probability``, but the one with the largest loss (after UNIC, Sariyildiz et al., ECCV 2024,
    arXiv 2408.05088). Every process gets the same, provided that ``generator`` is the same on all.

    Raises:
        UserError: a probability outside [0, 1].
    """
    losses = mean_over_ranks(losses.detach())
    with same_on_every_rank(losses.device):
        return drop_teachers_by_image(losses[:, None], probability, generator)[:, 0]


def drop_teachers_by_image(losses: Tensor, probability: float, generator: torch.Generator | None = None) -> Tensor:
    """Map the losses of teachers on images (T, N) to 1 where a teacher is kept for an image and 0 where not (T, N).

    For each image, each teacher is dropped with ``probability``, but the one with that image's largest loss: UNIC's
    teacher dropping.

    Raises:
        UserError: a probability outside [0, 1].
    """
    if not 0 <= probability <= 1:
        raise UserError(f"teachers cannot be dropped with probability {probability}", "it lies between 0 and 1")
    losses = losses.detach()
    drawn = torch.rand(losses.shape, generator=generator, device=losses.device)
    most_behind = torch.arange(len(losses), device=losses.device)[:, None] == losses.argmax(0)
    return ((drawn >= probability) | most_behind).to(losses.dtype)


class TeacherDropout:
    """Drops teachers from a step's losses.

    What is left is not scaled up: lambda stays the weight of a teacher that is not dropped. UNIC's code divides by the
    number of those, so that the sum keeps its size.

    Args:
        probability: with which a teacher is dropped; 0 is off.
        by_image: whether teachers are drawn for each image, not for the batch.
    """

    def __init__(self, probability: float, by_image: bool) -> None:
        self.probability, self.by_image = probability, by_image and probability > 0

    def __call__(self, losses: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Map losses by teacher, scalars or ``by_image`` (N), to scalars."""
        if not self.probability:
            return dict(losses)
        if torch.is_grad_enabled():  # a second pass over a step, without autograd, keeps the step's teachers
            drop = drop_teachers_by_image if self.by_image else drop_teachers
            self._kept = drop(torch.stack(list(losses.values())), self.probability)
        return {name: (loss * keep).mean() for (name, loss), keep in zip(losses.items(), self._kept, strict=True)}
