"""Gradients of several losses, one by one, and scalars with given gradients."""

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor


def loss_gradients(
    losses: Sequence[Tensor] | Tensor, shared: Sequence[Tensor], task_specific: Sequence[Tensor] = ()
) -> tuple[Tensor, list[Tensor | None]]:
    """Differentiate each loss (T) once, on this process alone; ``.grad`` is left as it is.

    Returns:
        The Jacobian (T, P) by all ``shared`` parameters, flattened, at least float32, with a row of zeros for a loss
        that depends on none of them, such as that of a batch without valid pixels; and for each of ``task_specific``
        the gradient of the losses' sum, None where no loss depends on it.
    """
    precision = torch.promote_types(losses[0].dtype, torch.float32)
    jacobian = losses[0].new_zeros(len(losses), sum(p.numel() for p in shared), dtype=precision)
    sums: list[Tensor | None] = [None] * len(task_specific)
    for row, loss in zip(jacobian, losses, strict=True):
        if not loss.requires_grad:
            continue
        if not shared and not task_specific:  # all is frozen
            break
        gradients = torch.autograd.grad(loss, [*shared, *task_specific], retain_graph=True, allow_unused=True)
        for piece, gradient in zip(row.split([p.numel() for p in shared]), gradients[: len(shared)], strict=True):
            if gradient is not None:
                piece.copy_(gradient.flatten())
        for index, gradient in enumerate(gradients[len(shared) :]):
            if gradient is not None:
                before = sums[index]
                sums[index] = gradient if before is None else before + gradient
    return jacobian, sums


def with_gradients(value: Tensor, gradients: Iterable[tuple[Tensor, Tensor]]) -> Tensor:
    """Return a scalar of ``value`` whose gradients are given, as pairs of a parameter and its gradient."""
    parameters, given = zip(*gradients, strict=True)
    return _WithGradients.apply(value, given, *parameters)


class _WithGradients(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, value: Tensor, gradients: tuple[Tensor, ...], *parameters: Tensor) -> Tensor:
        ctx.gradients = gradients
        return value.clone()

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> Any:
        return None, None, *(upstream[0] * gradient for gradient in ctx.gradients)
