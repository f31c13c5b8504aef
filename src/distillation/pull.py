"""How strongly distillation pulls at the student in its first epochs."""

from collections.abc import Collection
from dataclasses import dataclass

import torch
from torch import Tensor

from src.models.base import Features


@dataclass(frozen=True)
class Pull:
    """Scales the gradient with which distillation losses reach the student; their values stay what they are.

    Adam trains adaptors by a small loss as fast as by a large one, but weight decay wins over a vanishing gradient.
    So the loss is not scaled: adaptors learn at full speed, and only the student's share of the gradient fades.

    Args:
        fade_in: epochs over which the pull rises linearly, step by step, from 0 to lambda.
        adaptor_warmup: epochs before that in which the alignment trains adaptors alone.
    """

    fade_in: float = 0.0
    adaptor_warmup: float = 0.0

    def of_alignment(self, epoch: float) -> float:
        """Return the alignment's factor, 0 to 1, after ``epoch`` epochs, parts of one included."""
        return self._risen(epoch - self.adaptor_warmup)

    def of_outputs(self, epoch: float) -> float:
        """Return the factor of output distillation, which has no adaptors to wait for."""
        return self._risen(epoch)

    def _risen(self, epoch: float) -> float:
        if epoch < 0:
            return 0.0
        return min(1.0, epoch / self.fade_in) if self.fade_in else 1.0


def pulled(value: Tensor, factor: float) -> Tensor:
    """Return ``value`` with ``factor`` of its gradient."""
    if factor >= 1:
        return value
    return torch.lerp(value.detach(), value, factor) if factor > 0 else value.detach()


def pulled_features(features: Features, levels: Collection[str], factor: float) -> Features:
    """Return the features of ``levels`` (N, C, H, W) with ``factor`` of their gradient, tasks' own ones included."""
    if factor >= 1:
        return features
    return {key: pulled(value, factor) for key, value in features.items() if key.split("/", 1)[0] in levels}
