"""Weights learned as homoscedastic uncertainty."""

from collections.abc import Sequence

from torch import Tensor
from torchjd.scalarization import UW

from src.loss_weights.base import LOSS_WEIGHTS, LossWeighting, Parameters


@LOSS_WEIGHTS.register()
class Uncertainty(LossWeighting):
    """Sum of exp(-s) L / 2 + s / 2 with a learned log-variance s per task (Kendall et al., CVPR 2018)."""

    def __init__(self, tasks: Sequence[str]) -> None:
        super().__init__(tasks)
        self.scalarizer = UW(len(tasks))

    def combine(self, losses: Tensor, parameters: Parameters) -> Tensor:
        """Return the uncertainty-weighted sum of losses (T)."""
        return self.scalarizer(losses)

    def weights(self) -> Tensor:
        """Return exp(-s) / 2 for each task (T)."""
        return 0.5 * (-self.scalarizer.log_var.detach()).exp()
