"""TorchJD's aggregators as gradient methods."""

from collections.abc import Mapping, Sequence
from inspect import isclass
from typing import Annotated, Any

import torch
import torchjd.aggregation
from pydantic import Field
from torch import Tensor
from torchjd.aggregation import (
    Aggregator,
    DualProj,
    GramianWeightedAggregator,
    NashMTL,
    UPGrad,
    WeightedAggregator,
)

from src.foundation.errors import UserError
from src.foundation.part_options import Slot
from src.foundation.ranks import same_on_every_rank
from src.foundation.registry import Registry
from src.loss_weights.base import LOSS_WEIGHTS
from src.loss_weights.dual_cone import NonNegativeLeastSquares
from src.loss_weights.gradient_method import GradientMethod
from src.loss_weights.torchjd_state import SavesMemory, TorchJdModule

AGGREGATORS = Registry("aggregator", "src.loss_weights", given=("n_tasks",))
"""All of TorchJD's aggregators, under their own names."""
_BASES = (Aggregator, WeightedAggregator, GramianWeightedAggregator)
for _name in torchjd.aggregation.__all__:
    _class = getattr(torchjd.aggregation, _name)
    if isclass(_class) and issubclass(_class, Aggregator) and _class not in _BASES:
        AGGREGATORS.add(_name, _class)
AGGREGATORS.add("UPGrad", lambda: UPGrad(projector=NonNegativeLeastSquares()))
AGGREGATORS.add("DualProj", lambda: DualProj(projector=NonNegativeLeastSquares()))


@LOSS_WEIGHTS.register()
class Aggregated(SavesMemory, GradientMethod):
    """Gives the trunk the task gradients as TorchJD's ``aggregator`` aggregates them.

    Weights that depend on the Gramian (T, T) alone are computed on the CPU: solvers of T unknowns would wait for a
    GPU at every iteration.
    """

    latest: Tensor

    def __init__(
        self,
        tasks: Sequence[str],
        aggregator: Annotated[
            Mapping[str, Any],
            Slot("aggregator", built=False),
            Field(description="TorchJD's aggregator and its options"),
        ],
    ) -> None:
        super().__init__(tasks)
        sizes = {"n_tasks": len(tasks)} if AGGREGATORS.takes(aggregator, "n_tasks") else {}
        self.torchjd = TorchJdModule(lambda: AGGREGATORS.build(aggregator, **sizes))
        refuse_number_of_tasks(AGGREGATORS.build(aggregator, **sizes), len(tasks))
        self.register_buffer("latest", torch.ones(len(tasks)))

    def direction(self, jacobian: Tensor) -> Tensor:
        """Aggregate task gradients (T, P) to (P)."""
        aggregator = self.torchjd.module
        with same_on_every_rank(jacobian.device):
            if not isinstance(aggregator, WeightedAggregator):
                return aggregator(jacobian)
            if isinstance(aggregator, GramianWeightedAggregator):
                weights = aggregator.gramian_weighting((jacobian @ jacobian.T).cpu()).to(jacobian)
            else:
                weights = aggregator.weighting(_solvable(jacobian) if isinstance(aggregator, NashMTL) else jacobian)
        self.latest.copy_(weights)
        return weights @ jacobian

    def weights(self) -> Tensor | None:
        """Return the last step's weights (T) of the task gradients, where the method has such."""
        return self.latest if isinstance(self.torchjd.module, WeightedAggregator) else None


def _solvable(jacobian: Tensor) -> Tensor:
    """Return task gradients (T, P), or where some are 0, (T, P + T): those orthogonal to all others, of mean norm.

    A bargain with a task that gains nothing, such as one without a valid pixel in the batch, has no solution. As its
    gradient is 0, its weight does not matter, and the others' is what it is without it.
    """
    norms = jacobian.norm(dim=1)
    if bool((norms > 0).all()):
        return jacobian
    mean = norms.sum() / (norms > 0).sum().clamp_min(1)
    usual = torch.where(mean > 0, mean, 1.0)
    return torch.cat([jacobian, torch.diag(torch.where(norms > 0, 0.0, usual))], dim=1)


def refuse_number_of_tasks(aggregator: Aggregator, tasks: int) -> None:
    """Raise UserError where an aggregator, which this may change, does not work with so many tasks."""
    try:
        with torch.random.fork_rng(devices=[]):
            aggregator(torch.eye(tasks, tasks + 1))
    except ValueError as error:
        name = type(aggregator).__name__
        raise UserError(f"TorchJD's {name} does not work with {tasks} tasks", str(error), "choose another") from error
