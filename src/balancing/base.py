"""What a loss weighting is: a module from one loss per task to the scalar that is minimised."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, distributed, nn

from src.errors import UserError


@dataclass(frozen=True)
class Parameters:
    """The trained parameters that stand behind the losses.

    Args:
        shared: the trunk's parameters.
        own: all others, such as those of heads and adaptors.
        last_layer: the weight of the trunk's last layer.
    """

    shared: Sequence[Tensor]
    own: Sequence[Tensor]
    last_layer: Tensor


class LossWeighting(nn.Module, ABC):
    """Combines task losses; learned weights are parameters, everything else it remembers is in the state_dict.

    ``autograd_passes`` says that ``combine`` differentiates on its own before the backward pass proper: such a
    weighting cannot work under fp16, whose gradients need a scaler. ``parts`` is the number of parts of the batch
    whose losses it needs apart. ``needs_losses_after_step`` asks for a call of ``after_step``.
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
        """Learn from the losses (T) of the same batch after the optimiser's step; only where it is asked for."""

    def end_epoch(self) -> None:
        """Update what changes once per training epoch."""

    def weights(self) -> Tensor | None:
        """Weights (T) of the tasks in the last step, for the log; None where there are none."""
        return None


def mean_over_ranks(value: Tensor) -> Tensor:
    """Average a tensor over distributed processes; without them, return it."""
    if not (distributed.is_available() and distributed.is_initialized()):
        return value
    value = value.clone()
    distributed.all_reduce(value)
    return value / distributed.get_world_size()


@contextmanager
def same_on_every_rank(device: torch.device) -> Iterator[None]:
    """Draw the same random numbers on every process, from rank 0's generator; without processes, change nothing."""
    if not (distributed.is_available() and distributed.is_initialized()):
        yield
        return
    seed = torch.randint(2**31, ()).to(device)
    distributed.broadcast(seed, src=0)
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(int(seed))
        yield


def require_not_negative(losses: Tensor, tasks: Sequence[str]) -> None:
    """Raise UserError where a loss (T) is negative, for weightings that take its logarithm."""
    negative = [task for task, loss in zip(tasks, losses.tolist(), strict=True) if loss < 0]
    if negative:
        raise UserError(
            f"the loss of {', '.join(negative)} is negative",
            "this loss weighting takes logarithms of losses",
            "choose another, such as loss_weights=uniform",
        )
