"""Gradient methods: a direction for the shared trunk made from the gradient of each task loss."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from src.balancing.base import LossWeighting, Parameters, mean_over_ranks


class GradientMethod(LossWeighting):
    """Gives the trunk a direction made from task gradients; all other parameters follow the sum of the losses.

    The result is a scalar with those gradients, so clipping, accumulation, bf16 and distributed averaging of the
    training loop go on as they are, and the backward pass proper has nothing left to do behind the losses: one
    pass over the network per task is all. Task gradients are averaged over processes before they are combined.
    """

    autograd_passes = True

    def transform(self, losses: Tensor) -> Tensor:
        """Map losses to what is differentiated."""
        return losses

    @abstractmethod
    def direction(self, jacobian: Tensor) -> Tensor:
        """Map task gradients (T, P), or (T * parts, P) with a task's parts in a row, to a direction (P)."""

    def combine(self, losses: Tensor, parameters: Parameters) -> Tensor:
        """Return the mean over parts of the summed losses, with the trunk's gradient replaced."""
        rows = self.transform(losses).flatten()
        jacobian, own = task_gradients(rows, parameters.shared, parameters.own)
        with torch.no_grad():
            direction = self.direction(jacobian)
        pieces = direction.split([p.numel() for p in parameters.shared])
        pairs = [(p, piece.view_as(p)) for p, piece in zip(parameters.shared, pieces, strict=True)]
        pairs += [(p, g / self.parts) for p, g in zip(parameters.own, own, strict=True) if g is not None]
        targets, gradients = zip(*pairs, strict=True)
        return _Surrogate.apply(rows.detach().sum() / self.parts, gradients, *targets)


class _Surrogate(torch.autograd.Function):
    """A scalar with given gradients by given parameters."""

    @staticmethod
    def forward(ctx: Any, value: Tensor, gradients: tuple[Tensor, ...], *parameters: Tensor) -> Tensor:
        ctx.gradients = gradients
        return value.clone()

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> Any:
        return None, None, *(upstream[0] * gradient for gradient in ctx.gradients)


def task_gradients(
    losses: Tensor, shared: Sequence[Tensor], own: Sequence[Tensor] = ()
) -> tuple[Tensor, list[Tensor | None]]:
    """Differentiate each loss (T) once.

    Returns:
        Gradients (T, P) by all ``shared`` parameters, flattened, averaged over processes; and for each of ``own``
        the gradient of the losses' sum on this process, None where no loss depends on it.
    """
    jacobian = losses.new_zeros(len(losses), sum(p.numel() for p in shared))
    sums: list[Tensor | None] = [None] * len(own)
    for row, loss in zip(jacobian, losses, strict=True):
        if not loss.requires_grad:  # a constant, such as the loss of a batch without valid pixels
            continue
        gradients = torch.autograd.grad(loss, [*shared, *own], retain_graph=True, allow_unused=True)
        for piece, gradient in zip(row.split([p.numel() for p in shared]), gradients[: len(shared)], strict=True):
            if gradient is not None:
                piece.copy_(gradient.flatten())
        for index, gradient in enumerate(gradients[len(shared) :]):
            if gradient is not None:
                before = sums[index]
                sums[index] = gradient if before is None else before + gradient
    return mean_over_ranks(jacobian), sums
