"""Losses of maps of directions: surface normals, flow directions.

Predictions, of any length, and targets are (N, C, H, W), bool masks (N, H, W); each loss is a mean over the valid
pixels of the batch.
"""

import torch
from torch import Tensor

from src.losses.masked import keep, mean


def cosine(prediction: Tensor, target: Tensor, valid: Tensor) -> Tensor:
    """Compute mean 1 - cos(p, t), in [0, 2]."""
    guess, truth = _unit_pair(prediction, target, valid)
    return mean(1 - (guess * truth).sum(1), valid)


def angle_l1(prediction: Tensor, target: Tensor, valid: Tensor) -> Tensor:
    """Compute the mean angle between p and t in radians, in [0, pi].

    Twice the arc tangent of |a - b| / |a + b| for unit a and b (Kahan), whose gradient is finite at 0 and at pi, where
    the arc cosine's is not.
    """
    guess, truth = _unit_pair(prediction, target, valid)
    halves = torch.atan2((guess - truth).norm(dim=1), (guess + truth).norm(dim=1))
    return mean(2 * halves, valid)


def unit_l1(prediction: Tensor, target: Tensor, valid: Tensor) -> Tensor:
    """Compute mean |a_c - b_c| over the components of unit a and b (normals in ASTMT, MTI-Net and InvPT)."""
    guess, truth = _unit_pair(prediction, target, valid)
    return mean((guess - truth).abs().mean(1), valid)


def _unit_pair(prediction: Tensor, target: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
    """Return both at unit length, a vector of 0 staying 0, and 0 where invalid."""
    here = valid.unsqueeze(1)
    return _unit(keep(prediction, here)), _unit(keep(target, here))


def _unit(vectors: Tensor) -> Tensor:
    # the gradient at 0 is 1e6: finite
    return vectors * vectors.square().sum(1, keepdim=True).clamp_min(1e-12).rsqrt()
