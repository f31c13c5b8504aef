"""Procedural datasets: no download, and no scene that two splits or seeds have in common."""

from abc import ABC, abstractmethod
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from src.data.sources.base import SPLITS
from src.foundation.errors import UserError
from src.modalities.base import Modality

STRIDE = 1_000_000  # scenes of one dataset; the first half is for train, the second for test


class Procedural(ABC):
    """Scenes of one kind, each drawn from a number of its own.

    Args:
        train: scenes to train on.
        test: scenes to test on.
        seed: which scenes.
    """

    name: ClassVar[str]
    modalities: ClassVar[dict[str, Modality]]
    splits: ClassVar[tuple[str, ...]] = SPLITS

    def __init__(
        self,
        train: Annotated[int, Field(description="scenes to train on")],
        test: Annotated[int, Field(description="scenes to test on")],
        seed: Annotated[int, Field(ge=0, description="which scenes")],
    ) -> None:
        if not (0 < train <= STRIDE // 2 and 0 < test <= STRIDE // 2 and seed >= 0):
            raise UserError(
                f"{self.name} cannot draw {train} training and {test} test scenes from seed {seed}",
                f"each split holds 1 to {STRIDE // 2} scenes and the seed is not negative",
                "dataset.source.train=400 dataset.source.test=128 dataset.source.seed=0",
            )
        self._counts = {"train": train, "test": test}
        self._first = {split: seed * STRIDE + i * STRIDE // 2 for i, split in enumerate(SPLITS)}
        self.description = f"{self.name} drawn by the generator, {train} train, {test} test, seed {seed}"

    @abstractmethod
    def draw(self, scene: int, size: tuple[int, int]) -> dict[str, np.ndarray]:
        """Draw the scene of that number at ``size`` (H, W): the arrays of a store."""

    def frames(self, split: str) -> list[str]:
        """List the scenes' numbers."""
        return [str(self._first[split] + i) for i in range(self._counts[split])]

    def read(self, split: str, index: int, size: tuple[int, int]) -> dict[str, np.ndarray]:
        """Draw a frame at ``size``."""
        return self.draw(self._first[split] + index, size)
