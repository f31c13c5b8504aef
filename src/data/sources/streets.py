"""Streets drawn by the procedural generator: Cityscapes' embedded twin."""

import numpy as np

from src.data.generator.streets import draw_street
from src.data.labels.cityscapes import CITYSCAPES_7, CITYSCAPES_19
from src.data.sources.base import SPLITS
from src.data.sources.cityscapes_official import DISPARITY
from src.errors import UserError

STRIDE = 1_000_000  # seeds of one dataset; the first half is for train, the second for test


class Streets:
    """Road scenes with the tasks and classes of Cityscapes; no scene is in both splits, nor in two seeds.

    Args:
        train: scenes to train on.
        test: scenes to test on.
        seed: which scenes.
    """

    def __init__(self, train: int, test: int, seed: int) -> None:
        if not (0 < train <= STRIDE // 2 and 0 < test <= STRIDE // 2 and seed >= 0):
            raise UserError(
                f"streets cannot draw {train} training and {test} test scenes from seed {seed}",
                f"each split holds 1 to {STRIDE // 2} scenes and the seed is not negative",
                "dataset.source.train=512 dataset.source.test=128 dataset.source.seed=0",
            )
        self._counts = {"train": train, "test": test}
        self._first = {split: seed * STRIDE + i * STRIDE // 2 for i, split in enumerate(SPLITS)}
        self.description = f"streets drawn by the generator, {train} train, {test} test, seed {seed}"
        self.labels = {"label7": CITYSCAPES_7, "label19": CITYSCAPES_19}
        self.units = {"depth": DISPARITY}

    def frames(self, split: str) -> list[str]:
        """List the scenes' seeds."""
        return [str(self._first[split] + i) for i in range(self._counts[split])]

    def read(self, split: str, index: int, size: tuple[int, int]) -> dict[str, np.ndarray]:
        """Draw a scene at ``size``."""
        return draw_street(self._first[split] + index, size)
