"""DB-MTL: losses balanced by their logarithm, gradients by their norm."""

from collections.abc import Sequence
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor

from src.loss_weights.base import LOSS_WEIGHTS, require_not_negative
from src.loss_weights.gradient_method import GradientMethod

EPSILON = 1e-8


@LOSS_WEIGHTS.register("db_mtl")
class DualBalancing(GradientMethod):
    """Lin et al. 2023 (arXiv 2308.12029): gradients of log(L_t + 1e-8), averaged over steps, all brought to one norm.

    In step k the average keeps beta / k^decay of itself; the direction is the sum of the averages, each scaled to
    the largest one's norm. Heads follow the sum of log(L_t + 1e-8).
    """

    latest: Tensor
    step: Tensor

    def __init__(
        self,
        tasks: Sequence[str],
        beta: Annotated[float, Field(ge=0, le=1, description="share of the average of gradients that is kept")] = 0.9,
        decay: Annotated[float, Field(ge=0, description="the share is beta / step^decay")] = 0.0,
    ) -> None:
        super().__init__(tasks)
        self.beta, self.decay = beta, decay
        self.average: Tensor | None = None
        self.register_buffer("latest", torch.ones(len(tasks)))
        self.register_buffer("step", torch.zeros((), dtype=torch.long))

    def transform(self, losses: Tensor) -> Tensor:
        """Map losses (T) to log(L_t + 1e-8)."""
        require_not_negative(losses.detach(), self.tasks)
        return torch.log(losses + EPSILON)

    def direction(self, jacobian: Tensor) -> Tensor:
        """Map gradients (T, P) of the log losses to the sum (P) of their averages, brought to the largest norm."""
        self.step += 1
        keep = self.beta / self.step**self.decay
        before = torch.zeros_like(jacobian) if self.average is None else self.average.to(jacobian)
        self.average = jacobian + keep * (before - jacobian)
        norms = self.average.norm(dim=1)
        largest = norms.max()
        self.latest.copy_(torch.where(norms > EPSILON * largest, largest / norms, torch.ones_like(norms)))
        return self.latest @ self.average

    def weights(self) -> Tensor:
        """Return the last step's factors (T) of the averaged gradients."""
        return self.latest

    def get_extra_state(self) -> dict[str, Tensor]:
        """Return the averaged gradients for the state_dict."""
        return {} if self.average is None else {"average": self.average}

    def set_extra_state(self, state: Any) -> None:
        """Restore the averaged gradients from a state_dict."""
        self.average = state.get("average")
