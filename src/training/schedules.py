"""Learning-rate factors by epoch."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from src.foundation.registry import Registry

SCHEDULES = Registry("schedule", "src.training")
"""Classes whose objects are schedules."""

Schedule = Callable[[int, int], float]
"""(epoch, epochs in all) -> factor on the learning rate; an object, so that it reaches spawned processes."""


@SCHEDULES.register()
@dataclass(frozen=True)
class Constant:
    """Keep the learning rate."""

    def __call__(self, epoch: int, epochs: int) -> float:
        """Return 1."""
        return 1.0


@SCHEDULES.register()
@dataclass(frozen=True)
class Step:
    """Multiply the learning rate by ``gamma`` after every ``every`` epochs."""

    every: Annotated[int, Field(ge=1, description="epochs between steps")]
    gamma: Annotated[float, Field(gt=0, description="factor at each step")]

    def __call__(self, epoch: int, epochs: int) -> float:
        """Return gamma to the number of steps so far."""
        return float(self.gamma ** (epoch // self.every))


@SCHEDULES.register()
@dataclass(frozen=True)
class Cosine:
    """Fall from 1 to ``floor`` along half a cosine over all epochs."""

    floor: Annotated[float, Field(ge=0, le=1, description="factor at the end")] = 0.0

    def __call__(self, epoch: int, epochs: int) -> float:
        """Return the factor at the start of ``epoch``."""
        done = min(epoch / max(epochs, 1), 1)
        return self.floor + (1 - self.floor) * 0.5 * (1 + math.cos(math.pi * done))
