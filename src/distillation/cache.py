"""Frozen teachers' features of every view of the training images, cached on the device."""

from collections.abc import Collection, Iterable

import torch
from torch import Tensor

from src.distillation.frozen_teachers import FrozenTeachers
from src.models.base import Features

GIB = 2**30
PREDICTION = ""
"""The key of a teacher's raw output beside its levels."""


class TeacherCache:
    """Runs frozen teachers once on all views of the training images and reads their features from tables afterwards.

    A view is an image as it is or, where training flips images, mirrored. Teachers are cached in the order of their
    features' size as long as the capacity allows; the others run at every step.

    Args:
        teachers: the frozen teachers, with running BatchNorm statistics: no image's features depend on its batch.
        predicted: the teachers whose raw outputs are needed too.
        views: views of each image, 1 or 2.
        capacity: most GiB of the tables.
    """

    def __init__(self, teachers: FrozenTeachers, predicted: Collection[str], views: int, capacity: float) -> None:
        self.teachers, self.predicted, self.views, self.capacity = teachers, predicted, views, capacity
        self.tables: dict[str, dict[str, Tensor]] = {}
        self.filled = False

    def fill(self, count: int, batches: Iterable[tuple[Tensor, Tensor]]) -> None:
        """Cache the features of every view of the images (N, 3, H, W) with index (N) below ``count``, not augmented."""
        for index, image in batches:
            for view in range(self.views):
                outputs = self._outputs(image.flip(-1) if view else image)
                if not self.filled:
                    self._allocate(outputs, count * self.views)
                if not self.tables:
                    return
                for name, table in self.tables.items():
                    for level, rows in table.items():
                        rows[index * self.views + view] = outputs[name][level].permute(0, 2, 3, 1)

    def __call__(self, image: Tensor, view: Tensor) -> tuple[dict[str, Features], dict[str, Tensor]]:
        """Return features, and raw outputs of ``predicted``, for images (N, 3, H, W) with view numbers (N)."""
        features, raw = self._features_and_outputs(
            image, [name for name in self.teachers.networks if name not in self.tables]
        )
        for name, table in self.tables.items():
            found = {level: rows[view].permute(0, 3, 1, 2) for level, rows in table.items()}
            if PREDICTION in found:
                raw[name] = found.pop(PREDICTION)
            features[name] = found
        return features, raw

    def __str__(self) -> str:
        """Name the cached teachers and the size of their tables."""
        taken = sum({id(rows): rows.nbytes for table in self.tables.values() for rows in table.values()}.values()) / GIB
        rest = [name for name in self.teachers.networks if name not in self.tables]
        uncached = f"; too large for {', '.join(rest)}" if rest else ""
        return f"teacher cache: {', '.join(self.tables) or 'nothing'} ({taken:.2f} GiB){uncached}"

    def _features_and_outputs(
        self, image: Tensor, among: Collection[str]
    ) -> tuple[dict[str, Features], dict[str, Tensor]]:
        return self.teachers.features_and_outputs(image, [name for name in self.predicted if name in among], among)

    def _outputs(self, image: Tensor) -> dict[str, dict[str, Tensor]]:
        """Compute what can be cached: for each teacher its aligned levels and, if needed, its raw output."""
        features, raw = self._features_and_outputs(image, self.tables if self.filled else list(self.teachers.networks))
        wanted = self.teachers.levels
        outputs = {name: {k: x for k, x in f.items() if _level(k) in wanted[name]} for name, f in features.items()}
        for name, output in raw.items():
            outputs.setdefault(name, {})[PREDICTION] = output
        return outputs

    def _allocate(self, outputs: dict[str, dict[str, Tensor]], rows: int) -> None:
        """Allocate the tables of the teachers that fit into the capacity, the smallest first."""
        sizes = {name: sum(x[0].nbytes for x in found.values()) for name, found in outputs.items()}
        left, tables = self.capacity * GIB, dict[int, Tensor]()
        for name in sorted(sizes, key=lambda name: sizes[name]):
            # a network that teaches under several names gives all of them the same features: one table each
            new = {id(x): x for x in outputs[name].values() if id(x) not in tables}
            left -= rows * sum(x[0].nbytes for x in new.values())
            if left < 0:
                break
            # channels last, so that gathered rows have the networks' memory format
            tables |= {
                key: torch.empty(rows, *x.shape[2:], x.shape[1], dtype=x.dtype, device=x.device)
                for key, x in new.items()
            }
            self.tables[name] = {level: tables[id(x)] for level, x in outputs[name].items()}
        self.filled = True


def _level(key: str) -> str:
    return key.split("/", 1)[0]
