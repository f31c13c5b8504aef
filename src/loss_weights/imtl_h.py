"""IMTL-H: learned scales that even out the losses, and equal projections on the gradients of the scaled losses."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from src.loss_weights.aggregated import Aggregated
from src.loss_weights.base import LOSS_WEIGHTS, require_not_negative


@LOSS_WEIGHTS.register("imtl_h")
class HybridImpartialLearning(Aggregated):
    """IMTL-L and IMTL-G together (Liu et al., ICLR 2021, Algorithm 1).

    Loss t becomes exp(s_t) L_t - s_t. The trunk follows sum_t a_t g_t, where g_t are the gradients of these and a,
    which sums to 1, makes the projections on all g_t / |g_t| equal; heads and scales s follow the sum of these.
    """

    def __init__(self, tasks: Sequence[str]) -> None:
        super().__init__(tasks, {"_target_": "IMTLG"})
        self.log_scales = nn.Parameter(torch.zeros(len(tasks)))

    def transform(self, losses: Tensor) -> Tensor:
        """Map losses (T) to exp(s_t) L_t - s_t."""
        require_not_negative(losses.detach(), self.tasks)
        return self.log_scales.exp() * losses - self.log_scales

    def weights(self) -> Tensor:
        """Return a_t exp(s_t), the last step's weights (T) of the gradients of the losses themselves."""
        return self.latest * self.log_scales.detach().exp()
