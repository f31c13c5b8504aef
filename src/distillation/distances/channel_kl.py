"""Channel-wise distillation: where each channel is active, whatever its level."""

from typing import Annotated

from pydantic import Field
from torch import Tensor
from torch.nn import functional

from src.distillation.distances.base import DISTANCES


@DISTANCES.register()
def channel_kl(
    adapted: Tensor,
    teacher: Tensor,
    tau: Annotated[float, Field(gt=0, description="temperature of the softmax over pixels")] = 4.0,
) -> Tensor:
    """KL divergence of each channel's softmax over pixels, mean over batch and channels of (N, C, H, W); >= 0.

    d = tau^2 * KL(softmax(teacher / tau) || softmax(adapted / tau)) (Shu et al., "Channel-wise Knowledge
    Distillation for Dense Prediction", ICCV 2021).
    """
    log_q, log_p = ((side.flatten(2) / tau).log_softmax(-1) for side in (adapted, teacher))
    divergence = functional.kl_div(log_q, log_p, reduction="none", log_target=True).sum(-1)
    # rounding can put a vanishing divergence just below zero
    return divergence.mean().clamp_min(0) * tau**2
