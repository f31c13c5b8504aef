"""The interface of a transform, of which augmentation is a chain."""

from abc import ABC, abstractmethod
from collections.abc import Mapping

from torch import Tensor

from src.foundation.registry import Registry
from src.tasks.base import Task

TRANSFORMS = Registry("transform", "src.data.transforms")
"""Classes of transforms."""

Batch = dict[str, Tensor]


class Transform(ABC):
    """Changes whole training batches on the device, pictures and targets together."""

    @property
    def views(self) -> int | None:
        """Number of views of an image; None where it is unlimited.

        Teachers' features are cached for each view. So the count of a class does not hold for a subclass that
        overrides ``__call__`` and not ``count_views``.
        """
        counts, transforms = (
            next(kind for kind in type(self).__mro__ if name in kind.__dict__) for name in ("count_views", "__call__")
        )
        return self.count_views() if issubclass(counts, transforms) else None

    def count_views(self) -> int | None:
        """Return the number of views of an image; None where it is unlimited, as it is unless declared."""
        return None

    @abstractmethod
    def __call__(self, batch: Batch, tasks: Mapping[str, Task]) -> Batch:
        """Transform pictures and the targets of ``tasks`` together; random numbers are torch's global generator's.

        ``batch["image"]`` holds pictures before normalisation, float32 (N, 3, H, W) in [0, 1], and stays in that range.
        Nothing may wait for the device. Only a transform that declares k > 1 views needs to know of ``batch["view"]``,
        the number (N) of each image's view, where there is one: it becomes k times that number plus the drawn choice.
        """
