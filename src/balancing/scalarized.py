"""TorchJD's scalarizers: one function of all losses."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torchjd.scalarization import Scalarizer

from src.balancing.base import LossWeighting, Parameters, mean_over_ranks, require_not_negative, same_on_every_rank

SMALLEST = 1e-8  # a loss of zero, such as that of a batch without valid pixels, has no logarithm


class Scalarized(LossWeighting):
    """Minimises a scalarizer of the task losses; what it learns is learned with the network.

    Its slopes are taken at the losses' mean over processes, so every process weighs its own losses alike.

    Args:
        tasks: names of the tasks.
        build_scalarizer: builds the scalarizer.
        count: the builder's argument that takes the number of tasks, where it has one.
        logarithmic: whether losses must not be negative, and count as 1e-8 where they are less.
    """

    latest: Tensor

    def __init__(
        self,
        tasks: Sequence[str],
        build_scalarizer: Callable[..., Scalarizer],
        count: str | None = None,
        logarithmic: bool = False,
    ) -> None:
        super().__init__(tasks)
        self.scalarizer = build_scalarizer(**({count: len(tasks)} if count else {}))
        self.logarithmic = logarithmic
        self.register_buffer("latest", torch.ones(len(tasks)))

    def combine(self, losses: Tensor, parameters: Parameters) -> Tensor:
        """Return the scalarizer's value, whose gradient by losses (T) is ``weights``."""
        means = mean_over_ranks(losses.detach())
        if self.logarithmic:
            require_not_negative(means, self.tasks)
            means = means.clamp_min(SMALLEST)
        means.requires_grad_()
        with same_on_every_rank(losses.device):
            value = self.scalarizer(means)
        (slopes,) = torch.autograd.grad(value, means, retain_graph=True)
        self.latest.copy_(slopes)
        return value + slopes @ (losses - losses.detach())

    def weights(self) -> Tensor:
        """Return the scalarizer's slopes (T) by the losses in the last step."""
        return self.latest
