"""Expectations of tensors; each failure says what was seen."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from src.contracts.base import DoesNotHoldError

FEW = 5


def expect(holds: Any, seen: str) -> None:
    """Raise DoesNotHoldError with what was ``seen`` unless ``holds`` is true (or not empty)."""
    if not bool(holds):
        raise DoesNotHoldError(seen)


def described(value: Any) -> str:
    """Return the type of a value, or dtype and shape of a tensor or array."""
    if not hasattr(value, "dtype"):
        return f"{type(value).__name__} {value!r}" if isinstance(value, int | float | str) else type(value).__name__
    return f"{str(value.dtype).removeprefix('torch.')} {tuple(value.shape)}"


def listed(names: Sequence[str]) -> str:
    """Join the first few names, and count the others."""
    more = len(names) - FEW
    return ", ".join(names[:FEW]) + (f" and {more} more" if more > 0 else "")


def expect_shape(value: Any, shape: Sequence[int], what: str) -> None:
    """Expect a tensor or an array of ``shape``."""
    seen = tuple(getattr(value, "shape", ()))
    expect(hasattr(value, "shape") and seen == tuple(shape), f"{what} is {described(value)}, not {tuple(shape)}")


def expect_scalar(value: Any, what: str) -> Tensor:
    """Expect a finite float32 scalar, and return it."""
    expect(isinstance(value, Tensor), f"{what} is {described(value)}, not a tensor")
    expect(value.ndim == 0, f"{what} is {described(value)}, not a scalar")
    expect(value.dtype == torch.float32, f"{what} is {described(value)}, not float32")
    expect_finite(value, what)
    tensor: Tensor = value
    return tensor


def expect_finite(value: Tensor, what: str) -> None:
    """Expect no NaN and no infinity."""
    wrong = int((~value.isfinite()).sum())
    seen = f"{what} is {value.item()}" if value.numel() == 1 else f"{wrong} of {value.numel()} values of {what}"
    expect(wrong == 0, seen if value.numel() == 1 else f"{seen} are NaN or infinite")


def expect_equal(one: Tensor, other: Tensor, what: str, share: float = 0.0) -> None:
    """Expect tensors of one shape that differ by no more than a ``share`` of the largest value."""
    expect(one.shape == other.shape, f"{what}: {described(one)} beside {described(other)}")
    one, other = one.double(), other.double()
    apart = torch.where(one.isnan() & other.isnan(), 0.0, (one - other).abs())
    most = other.abs().max() if other.numel() else 0.0
    wrong = ~(apart <= share * most)
    largest = f", by up to {apart.max():.3g}" if apart.numel() else ""
    expect(~wrong.any(), f"{what}: {int(wrong.sum())} of {wrong.numel()} values differ{largest}")


def expect_gradients(loss: Tensor, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Expect a finite gradient of ``loss`` by each of ``inputs``, and return the gradients by name."""
    expect(loss.requires_grad, "it depends on nothing that is trained (no graph)")
    found = torch.autograd.grad(loss, list(inputs.values()), allow_unused=True)
    gradients = dict(zip(inputs, found, strict=True))
    unused = [name for name, gradient in gradients.items() if gradient is None]
    expect(not unused, f"no gradient with respect to {listed(unused)}")
    wrong = [name for name, gradient in gradients.items() if gradient is not None and not gradient.isfinite().all()]
    expect(not wrong, f"the gradient with respect to {listed(wrong)} is NaN or infinite")
    return {name: gradient for name, gradient in gradients.items() if gradient is not None}


def trained(module: nn.Module) -> dict[str, nn.Parameter]:
    """Return the parameters of a module that require a gradient, by name."""
    return {name: p for name, p in module.named_parameters() if p.requires_grad}


def through_a_file(module: nn.Module) -> dict[str, Any]:
    """Save a state_dict to a file, as a checkpoint does, and load it again."""
    file = io.BytesIO()
    torch.save(module.state_dict(), file)
    file.seek(0)
    state: dict[str, Any] = torch.load(file, weights_only=True)
    return state
