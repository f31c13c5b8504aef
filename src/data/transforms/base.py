"""The interface of an augmentation."""

from abc import ABC, abstractmethod
from collections.abc import Mapping

from torch import Tensor

from src.foundation.registry import Registry
from src.tasks.base import Task

AUGMENTATIONS = Registry("augmentation", "src.data.transforms")
"""Classes of augmentations."""

Batch = dict[str, Tensor]


class Augmentation(ABC):
    """Changes whole training batches on the device, images and targets together."""

    @property
    def views(self) -> int | None:
        """Number of views of an image; None where it is unlimited.

        Teachers' features are cached for each view. So the count of a class does not hold for a subclass that
        overrides ``__call__`` and not ``count_views``.
        """
        counts, augments = (
            next(kind for kind in type(self).__mro__ if name in kind.__dict__) for name in ("count_views", "__call__")
        )
        return self.count_views() if issubclass(counts, augments) else None

    def count_views(self) -> int | None:
        """Return the number of views of an image; None where it is unlimited."""
        return None

    @abstractmethod
    def __call__(self, batch: Batch, tasks: Mapping[str, Task]) -> Batch:
        """Augment image (N, 3, H, W) and the targets of ``tasks`` together.

        Where the batch has a ``view``, the number (N) of each image, it becomes that of the image's view; it is left
        out where the number of views is unlimited.
        """
