"""What frozen teachers say of every view of the training images, kept on the device."""

from collections.abc import Collection, Iterable

import torch
from torch import Tensor

from src.distillation.teachers import FrozenTeachers
from src.models.base import Features

GIB = 2**30
PREDICTION = ""
"""Stands for the level of a raw output."""


class TeacherCache:
    """Asks frozen teachers once for all views of the training images and answers from memory afterwards.

    A view is an image as it is or, where training flips images, mirrored. Teachers are kept in the order of their
    size as long as there is room; the others are asked at every step.

    Args:
        teachers: the frozen teachers, with statistics of their own: what they see does not depend on the batch.
        predicted: the teachers whose raw outputs are wanted too.
        views: views of each image, 1 or 2.
        room: GiB that may be taken.
    """

    def __init__(self, teachers: FrozenTeachers, predicted: Collection[str], views: int, room: float) -> None:
        self.teachers, self.predicted, self.views, self.room = teachers, predicted, views, room
        self.tables: dict[str, dict[str, Tensor]] = {}
        self.filled = False

    def fill(self, count: int, batches: Iterable[tuple[Tensor, Tensor]]) -> None:
        """Ask for every view of the images (N, 3, H, W) with index (N) below ``count``, not augmented."""
        for index, image in batches:
            for view in range(self.views):
                answers = self._answers(image.flip(-1) if view else image)
                if not self.filled:
                    self._make_room(answers, count * self.views)
                if not self.tables:
                    return
                for name, table in self.tables.items():
                    for level, rows in table.items():
                        rows[index * self.views + view] = answers[name][level].permute(0, 2, 3, 1)

    def __call__(self, image: Tensor, view: Tensor) -> tuple[dict[str, Features], dict[str, Tensor]]:
        """Give features, and raw outputs of ``predicted``, for images (N, 3, H, W) whose numbers of view are (N)."""
        features, raw = self._ask(image, [name for name in self.teachers.networks if name not in self.tables])
        for name, table in self.tables.items():
            found = {level: rows[view].permute(0, 3, 1, 2) for level, rows in table.items()}
            if PREDICTION in found:
                raw[name] = found.pop(PREDICTION)
            features[name] = found
        return features, raw

    def __str__(self) -> str:
        """Say whose answers are kept and what that takes."""
        taken = sum(rows.nbytes for table in self.tables.values() for rows in table.values()) / GIB
        rest = [name for name in self.teachers.networks if name not in self.tables]
        asked = f"; no room for {', '.join(rest)}" if rest else ""
        return f"kept of the teachers: {', '.join(self.tables) or 'nothing'} ({taken:.2f} GiB){asked}"

    def _ask(self, image: Tensor, among: Collection[str]) -> tuple[dict[str, Features], dict[str, Tensor]]:
        return self.teachers.ask(image, [name for name in self.predicted if name in among], among)

    def _answers(self, image: Tensor) -> dict[str, dict[str, Tensor]]:
        """What there is to keep: for each teacher its aligned levels and, if wanted, its raw output."""
        features, raw = self._ask(image, self.tables if self.filled else list(self.teachers.networks))
        wanted = self.teachers.levels
        answers = {name: {k: x for k, x in f.items() if _level(k) in wanted[name]} for name, f in features.items()}
        for name, output in raw.items():
            answers.setdefault(name, {})[PREDICTION] = output
        return answers

    def _make_room(self, answers: dict[str, dict[str, Tensor]], rows: int) -> None:
        sizes = {name: rows * sum(x[0].nbytes for x in found.values()) for name, found in answers.items()}
        room = self.room * GIB
        for name in sorted(sizes, key=lambda name: sizes[name]):
            if sizes[name] > room:
                break
            room -= sizes[name]
            # channels last, so that a gathered row is as the networks want it
            self.tables[name] = {
                level: torch.empty(rows, *x.shape[2:], x.shape[1], dtype=x.dtype, device=x.device)
                for level, x in answers[name].items()
            }
        self.filled = True


def _level(key: str) -> str:
    return key.split("/", 1)[0]
