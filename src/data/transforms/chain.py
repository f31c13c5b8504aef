"""Several transforms as one."""

import math
from collections.abc import Mapping, Sequence

from src.data.transforms.base import Batch, Transform
from src.tasks.base import Task


class Chain(Transform):
    """Applies transforms in order; without any, it returns batches as they are.

    An image has as many views as there are combinations of its transforms' views. Where their number is unlimited, no
    transform is told of ``view``, and none is returned.

    Args:
        transforms: in the order in which they are applied.
    """

    def __init__(self, transforms: Sequence[Transform] = ()) -> None:
        self.transforms = tuple(transforms)

    def __call__(self, batch: Batch, tasks: Mapping[str, Task]) -> Batch:
        """Transform pictures (N, 3, H, W) and the targets of ``tasks``, and number the views unless unlimited."""
        if self.views is None:
            batch = {name: value for name, value in batch.items() if name != "view"}
        for transform in self.transforms:
            before, batch = batch, transform(batch, tasks)
            if transform.views == 1 and "view" in before:
                batch = batch | {"view": before["view"]}
        return batch

    def count_views(self) -> int | None:
        """Multiply the transforms' numbers of views; None where one of them is unlimited."""
        counts = [transform.views for transform in self.transforms]
        return None if None in counts else math.prod(count for count in counts if count)
