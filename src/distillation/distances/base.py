"""The interface of a distance, and the precision of the features that it gets."""

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from torch import Tensor, nn

from src.foundation.errors import UserError
from src.foundation.registry import Registry

DISTANCES = Registry("distance", "src.distillation.distances", given=("adapted", "teacher"))
"""Functions of two features, or classes of modules with such a forward; parameters are trained as adaptors' are."""

Distance = Callable[[Tensor, Tensor], Tensor]
D = TypeVar("D", bound=Callable[..., Tensor])

_in_any: list[Any] = []


def takes_any_precision(distance: D) -> D:
    """Mark a distance that computes in float32 from features of any precision, without a copy of them."""
    _in_any.append(distance)
    return distance


class InFloat32(nn.Module):
    """Gives a distance float32 copies of features (N, C, H, W), unless it is marked as needing none."""

    def __init__(self, distance: Distance) -> None:
        super().__init__()
        self.distance = distance  # a module's parameters become this one's
        written = distance.func if isinstance(distance, partial) else distance
        self.copies = not any(written is marked or type(written) is marked for marked in _in_any)

    def forward(self, adapted: Tensor, teacher: Tensor) -> Tensor:
        """Return the distance, a scalar."""
        if self.copies:
            adapted, teacher = adapted.float(), teacher.float()
        value = self.distance(adapted, teacher)
        if value.ndim:
            raise UserError(
                f"the distance returns {tuple(value.shape)} numbers, not one",
                "a distance is a scalar; summed over images or pixels, its weight would depend on their number",
                "average over batch and pixels; python -m src.check distance=NAME checks it",
            )
        return value
