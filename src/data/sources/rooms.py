"""Rooms drawn by the procedural generator: the embedded dataset."""

import numpy as np

from src.data.generator.rooms import draw_room
from src.data.labels.nyuv2 import NYUV2_13
from src.data.sources.base import SPLITS
from src.errors import UserError

STRIDE = 1_000_000  # seeds of one dataset; the first half is for train, the second for test


class Rooms:
    """Indoor scenes with the tasks and classes of NYUv2; no scene is in both splits, nor in two seeds.

    Args:
        train: scenes to train on.
        test: scenes to test on.
        seed: which scenes.
    """

    def __init__(self, train: int, test: int, seed: int) -> None:
        if not (0 < train <= STRIDE // 2 and 0 < test <= STRIDE // 2 and seed >= 0):
            raise UserError(
                f"rooms cannot draw {train} training and {test} test scenes from seed {seed}",
                f"each split holds 1 to {STRIDE // 2} scenes and the seed is not negative",
                "dataset.source.train=512 dataset.source.test=128 dataset.source.seed=0",
            )
        self._counts = {"train": train, "test": test}
        self._first = {split: seed * STRIDE + i * STRIDE // 2 for i, split in enumerate(SPLITS)}
        self.description = f"rooms drawn by the generator, {train} train, {test} test, seed {seed}"
        self.labels = {"label13": NYUV2_13}
        self.units = {"depth": "m"}

    def frames(self, split: str) -> list[str]:
        """List the scenes' seeds."""
        return [str(self._first[split] + i) for i in range(self._counts[split])]

    def read(self, split: str, index: int, size: tuple[int, int]) -> dict[str, np.ndarray]:
        """Draw a scene at ``size``."""
        return draw_room(self._first[split] + index, size)
