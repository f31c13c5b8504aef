"""What a loss weighting is: a module from one loss per task to the scalar that is minimised."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor, distributed, nn


class LossWeighting(nn.Module, ABC):
    """Combines task losses; learned weights are parameters, everything else it remembers is a buffer.

    ``autograd_passes`` says that ``combine`` differentiates on its own before the backward pass proper: such a
    weighting cannot work under fp16, whose gradients need a scaler, and leaves the trunk out of compilation.
    """

    autograd_passes: bool = False

    def __init__(self, tasks: Sequence[str]) -> None:
        super().__init__()
        self.tasks = tuple(tasks)

    @abstractmethod
    def combine(self, losses: Tensor, shared: Sequence[Tensor], last_layer: Tensor) -> Tensor:
        """Map losses (T) to the scalar to minimise.

        Args:
            losses: one loss per task, attached to the graph.
            shared: the trunk's parameters.
            last_layer: the weight of the trunk's last layer.
        """

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


def task_gradients(losses: Tensor, parameters: Sequence[Tensor]) -> Tensor:
    """Gradient of each loss (T) by all ``parameters``, flattened: (T, P), averaged over processes."""
    rows = []
    for loss in losses:
        gradients = torch.autograd.grad(loss, parameters, retain_graph=True, allow_unused=True)
        parts = [
            (torch.zeros_like(p) if g is None else g).flatten() for g, p in zip(gradients, parameters, strict=True)
        ]
        rows.append(torch.cat(parts))
    return mean_over_ranks(torch.stack(rows))
