"""In which precision a distance gets its features."""

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from torch import Tensor

Distance = Callable[[Tensor, Tensor], Tensor]
D = TypeVar("D", bound=Callable[..., Tensor])

_in_any: list[Any] = []


def takes_any_precision(distance: D) -> D:
    """Mark a distance that computes in float32 from features of any precision, without a copy of them."""
    _in_any.append(distance)
    return distance


def in_float32(distance: Distance) -> Distance:
    """Give ``distance`` float32 copies of features (N, C, H, W), unless it is marked as needing none."""
    written = distance.func if isinstance(distance, partial) else distance
    return distance if any(written is known for known in _in_any) else partial(_of_copies, distance)


def _of_copies(distance: Distance, adapted: Tensor, teacher: Tensor) -> Tensor:
    return distance(adapted.float(), teacher.float())
