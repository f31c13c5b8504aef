"""Weights of teachers that follow the ratio of the student's loss to each teacher's."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from src.foundation.errors import UserError
from src.foundation.ranks import mean_over_ranks

TINY = 1e-8


class AdaptiveTeacherWeights(nn.Module):
    """One weight per teacher, moved once per epoch towards a_t^power, with a_t the student's loss / the teacher's.

    After JointDistill (arXiv 2505.10057). The published form steers by a validation metric and moves each weight
    towards mean * a_t * (mean a)^(alpha - 1); here training losses steer, so that nothing is selected on test data.
    The weights' mean is 1. Losses are averaged over processes step by step: DDP overwrites buffers by rank 0's.

    Args:
        teachers: their names.
        rate: share of the distance to its target that a weight moves in an epoch.
        power: exponent of a_t.

    Raises:
        UserError: no teacher, or a rate outside [0, 1].
    """

    weights: Tensor
    sums: Tensor
    steps: Tensor

    def __init__(self, teachers: Sequence[str], rate: float = 0.5, power: float = 1.0) -> None:
        super().__init__()
        if not teachers:
            raise UserError("adaptive teacher weights have no teacher to weigh", "none predicts one of the tasks")
        if not 0 <= rate <= 1:
            raise UserError(f"teacher weights cannot follow at a rate of {rate}", "it lies between 0 and 1")
        self.teachers, self.rate, self.power = tuple(teachers), rate, power
        self.register_buffer("weights", torch.ones(len(teachers)))
        self.register_buffer("sums", torch.zeros(2, len(teachers)))
        self.register_buffer("steps", torch.zeros(()))

    @torch.no_grad()
    def observe(self, student: Tensor, teacher: Tensor) -> None:
        """Add the student's and the teachers' task losses (T) on one batch to the epoch's sums."""
        self.sums += mean_over_ranks(torch.stack((student.float(), teacher.float())))
        self.steps += 1

    @torch.no_grad()
    def end_epoch(self) -> None:
        """Move the weights by the epoch's mean losses; without observations they stay."""
        student, teacher = (self.sums / self.steps.clamp_min(1)).clamp_min(TINY)
        # the softmax of power * log a is a^power / sum(a^power), without overflow
        goal = len(self.teachers) * torch.softmax(self.power * (student / teacher).log(), dim=0)
        moved = (1 - self.rate) * self.weights + self.rate * goal
        self.weights.copy_(torch.where(self.steps > 0, moved / moved.mean(), self.weights))
        self.sums.zero_()
        self.steps.zero_()

    def of(self, name: str) -> Tensor:
        """Return the weight, a scalar, of the teacher ``name``."""
        return self.weights[self.teachers.index(name)]
