"""Channel-wise distillation: where each channel is active, whatever its level."""

from torch import Tensor
from torch.nn import functional

from src.errors import UserError


def channel_kl(adapted: Tensor, teacher: Tensor, tau: float = 4.0) -> Tensor:
    """KL divergence of each channel's softmax over pixels, mean over batch and channels of (N, C, H, W); >= 0.

    d = tau^2 * KL(softmax(teacher / tau) || softmax(adapted / tau)) (Shu et al., "Channel-wise Knowledge
    Distillation for Dense Prediction", ICCV 2021).

    Raises:
        UserError: the temperature ``tau`` is not positive.
    """
    if tau <= 0:
        raise UserError(f"distance.tau={tau} is not a temperature", "features are divided by it", "distance.tau=4")
    log_q, log_p = ((side.flatten(2) / tau).log_softmax(-1) for side in (adapted, teacher))
    divergence = functional.kl_div(log_q, log_p, reduction="none", log_target=True).sum(-1)
    # rounding can put a vanishing divergence just below zero
    return divergence.mean().clamp_min(0) * tau**2
