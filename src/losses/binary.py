"""Losses of binary maps: edges, saliency, masks."""

from torch import Tensor
from torch.nn import functional

from src.losses.masked import keep, mean


def weighted_bce(logits: Tensor, target: Tensor, valid: Tensor, positive_weight: float | Tensor = 0.5) -> Tensor:
    """Compute the mean of -w y ln s(x) - (1 - w) (1 - y) ln(1 - s(x)) over the valid pixels of the batch.

    With a fixed w this is the loss of edges in multi-task papers (0.95 on PASCAL-Context and NYUD-v2, or 0.8); 0.5
    gives half the plain cross-entropy.

    Args:
        logits: (N, 1, H, W).
        target: 0 or 1, above 0.5 being 1 (N, 1, H, W).
        valid: bool (N, 1, H, W).
        positive_weight: w, in [0, 1].
    """
    scores, positive = keep(logits, valid), target > 0.5
    errors = functional.softplus(scores) - scores * positive
    weights = positive * positive_weight + ~positive * (1 - positive_weight)
    return mean(weights * errors, valid)


def balanced_bce(logits: Tensor, target: Tensor, valid: Tensor) -> Tensor:
    """Compute ``weighted_bce`` with w = the share of the batch's valid pixels that are 0 (HED, Xie and Tu 2015, eq. 2).

    HED takes the share of each image and sums; multi-task papers take that of the batch and average, as here.
    """
    negatives = (valid & ~(target > 0.5)).sum()
    return weighted_bce(logits, target, valid, negatives / valid.sum().clamp(min=1))
