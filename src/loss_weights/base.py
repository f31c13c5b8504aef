"""The interface of a loss weighting, a module from one loss per task to the scalar that is minimised."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from src.foundation.errors import UserError
from src.foundation.registry import Registry

LOSS_WEIGHTS = Registry("loss_weights", "src.loss_weights", given=("tasks",))
"""Classes of loss weightings."""
SMALLEST = 1e-8
"""What a loss of zero, such as that of a batch without valid pixels, counts as where its logarithm is taken."""


@dataclass(frozen=True)
class Parameters:
    """The trained parameters that the losses depend on.

    Args:
        shared: the trunk's parameters.
        task_specific: all others, such as those of heads and adaptors.
        last_layer: the weight of the trunk's last layer.
    """

    shared: Sequence[Tensor]
    task_specific: Sequence[Tensor]
    last_layer: Tensor


class LossWeighting(nn.Module, ABC):
    """Combines task losses; learned weights are parameters, all other state is in the state_dict.

    ``autograd_passes``: whether ``combine`` differentiates on its own before the backward pass proper: such a
    weighting cannot work under fp16, whose gradients need a scaler. ``parts`` is the number of parts of the batch
    whose losses it needs apart. ``needs_losses_after_step``: whether ``after_step`` is called.
    """

    autograd_passes: bool = False
    parts: int = 1
    needs_losses_after_step: bool = False

    def __init__(self, tasks: Sequence[str]) -> None:
        super().__init__()
        self.tasks = tuple(tasks)

    @abstractmethod
    def combine(self, losses: Tensor, parameters: Parameters) -> Tensor:
        """Map losses to the scalar to minimise.

        Args:
            losses: one loss per task (T), or per task and part of the batch (T, parts), attached to the graph.
            parameters: what the losses depend on.
        """

    def after_step(self, losses: Tensor) -> None:
        """Learn from the losses (T) of the same batch after the optimiser's step; see ``needs_losses_after_step``."""

    def end_epoch(self) -> None:
        """Update what changes once per training epoch."""

    def weights(self) -> Tensor | None:
        """Weights (T) of the tasks in the last step, for the log; None where there are none."""
        return None


def require_not_negative(losses: Tensor, tasks: Sequence[str]) -> None:
    """Raise UserError where a loss (T) is negative, for weightings that take its logarithm."""
    negative = [task for task, loss in zip(tasks, losses.tolist(), strict=True) if loss < 0]
    if negative:
        raise UserError(
            f"the loss of {', '.join(negative)} is negative",
            "this loss weighting takes logarithms of losses",
            "choose another, such as loss_weights=uniform",
        )
