"""TorchJD's aggregators as gradient methods."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torchjd.aggregation import Aggregator, GramianWeightedAggregator, WeightedAggregator

from src.balancing.base import same_on_every_rank
from src.balancing.held import Held, Remembering
from src.balancing.surrogate import GradientMethod


class Aggregated(Remembering, GradientMethod):
    """Gives the trunk the task gradients as ``build_aggregator()`` aggregates them.

    ``count`` names the builder's argument that takes the number of tasks, where it has one. What is decided by
    the gramian (T, T) alone is decided on the CPU: solvers of T unknowns would wait for a GPU at every iteration.
    """

    latest: Tensor

    def __init__(
        self, tasks: Sequence[str], build_aggregator: Callable[..., Aggregator], count: str | None = None
    ) -> None:
        super().__init__(tasks)
        sizes = {count: len(tasks)} if count else {}
        self.held = Held(lambda: build_aggregator(**sizes))
        self.register_buffer("latest", torch.ones(len(tasks)))

    def direction(self, jacobian: Tensor) -> Tensor:
        """Aggregate task gradients (T, P) to (P)."""
        aggregator = self.held.module
        with same_on_every_rank(jacobian.device):
            if not isinstance(aggregator, WeightedAggregator):
                return aggregator(jacobian)
            if isinstance(aggregator, GramianWeightedAggregator):
                weights = aggregator.gramian_weighting((jacobian @ jacobian.T).cpu()).to(jacobian)
            else:
                weights = aggregator.weighting(jacobian)
        self.latest.copy_(weights)
        return weights @ jacobian

    def weights(self) -> Tensor | None:
        """Return the last step's weights (T) of the task gradients, where the method has such."""
        return self.latest if isinstance(self.held.module, WeightedAggregator) else None
