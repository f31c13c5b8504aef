"""Direction by the cosine and size by smooth L1, as foundation models are distilled."""

from typing import Annotated

from pydantic import Field
from torch import Tensor
from torch.nn import functional

from src.distillation.distances.base import DISTANCES
from src.distillation.distances.cosine import cosine


@DISTANCES.register()
def cosine_smooth_l1(
    adapted: Tensor,
    teacher: Tensor,
    cosine_share: Annotated[
        float, Field(ge=0, le=1, description="share of 1 - cosine; smooth L1 has the rest (UNIC 0.5, RADIO 0.9)")
    ] = 0.5,
    beta: Annotated[float, Field(gt=0, description="difference from which on smooth L1 is linear")] = 1.0,
) -> Tensor:
    """Mix 1 - cosine over channels with smooth L1 of features (N, C, H, W), each the mean over batch and pixels; >= 0.

    d = s * (1 - cos(a, b)) + (1 - s) * mean_c smooth_l1(a_c - b_c), location by location: s = 0.5 in UNIC (Sariyildiz
    et al., ECCV 2024, arXiv 2408.05088) and DUNE (CVPR 2025, arXiv 2503.14405), 0.9 in AM-RADIO (Ranzinger et al., CVPR
    2024, arXiv 2312.06709). Smooth L1 depends on the teacher's scale, so standardised features suit it.
    """
    apart = functional.smooth_l1_loss(adapted, teacher, beta=beta)
    return cosine_share * cosine(adapted, teacher) + (1 - cosine_share) * apart
