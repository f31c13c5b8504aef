"""Which of its neighbours a location is like."""

from typing import Annotated

import torch
from pydantic import AfterValidator, Field
from torch import Tensor
from torch.nn import functional

from src.distillation.distances.base import DISTANCES

EPS = 1e-6
OUTSIDE = -1e4
"""Affinity over temperature of what lies outside the image: its share is 0, without infinities in gradients."""


def _odd(side: int) -> int:
    if side % 2 == 0:
        raise ValueError("it is not odd")
    return side


@DISTANCES.register()
def local_similarity(
    adapted: Tensor,
    teacher: Tensor,
    neighbourhood: Annotated[
        int, Field(ge=3, description="side of the square of neighbours; odd"), AfterValidator(_odd)
    ] = 3,
    temperature: Annotated[float, Field(gt=0, description="of the softmax over neighbours' cosines")] = 0.1,
) -> Tensor:
    """KL divergence of each location's affinities to its neighbours, mean over locations of (N, C, H, W); >= 0.

    d = KL(softmax_j(cos(b_i, b_j) / tau) || softmax_j(cos(a_i, a_j) / tau)), j the other locations of a square around i
    inside the image; the two sides may differ in channels. After the neighbours of Xie et al. (arXiv 1810.08476), who
    compare plain differences, and the softened similarities of SEED (Fang et al., ICLR 2021, arXiv 2101.04731).
    """
    log_q, log_p = (_log_affinities(side, neighbourhood, temperature) for side in (adapted, teacher))
    divergence = functional.kl_div(log_q, log_p, reduction="none", log_target=True).sum(1)
    # rounding can put a vanishing divergence just below zero
    return divergence.mean().clamp_min(0)


def _log_affinities(feature: Tensor, side: int, temperature: float) -> Tensor:
    """Map a feature (N, C, H, W) to the log softmax over its neighbours (N, side^2 - 1, H, W)."""
    height, width, reach = *feature.shape[-2:], side // 2
    unit = feature * (feature.square().sum(1, keepdim=True) + EPS).rsqrt()
    padded = functional.pad(unit, [reach] * 4)
    inside = functional.pad(torch.ones_like(unit[:1, :1]), [reach] * 4)
    affinities = []
    for y, x in ((y, x) for y in range(side) for x in range(side) if (y, x) != (reach, reach)):
        window = (..., slice(y, y + height), slice(x, x + width))
        cosine = (unit * padded[window]).sum(1) / temperature
        affinities.append(cosine.masked_fill(inside[window][:, 0] == 0, OUTSIDE))
    return torch.stack(affinities, 1).log_softmax(1)
