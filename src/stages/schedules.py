"""Learning-rate factors by epoch."""

import math
from collections.abc import Callable
from dataclasses import dataclass

Schedule = Callable[[int, int], float]
"""(epoch, epochs in all) -> factor on the learning rate; an object, so that it reaches spawned processes."""


@dataclass(frozen=True)
class Constant:
    """Keep the learning rate."""

    def __call__(self, epoch: int, epochs: int) -> float:
        """Return 1."""
        return 1.0


@dataclass(frozen=True)
class Step:
    """Multiply the learning rate by ``gamma`` after every ``every`` epochs."""

    every: int
    gamma: float

    def __call__(self, epoch: int, epochs: int) -> float:
        """Return gamma to the number of steps so far."""
        return float(self.gamma ** (epoch // self.every))


@dataclass(frozen=True)
class Cosine:
    """Fall from 1 to ``floor`` along half a cosine over all epochs."""

    floor: float = 0.0

    def __call__(self, epoch: int, epochs: int) -> float:
        """Return the factor at the start of ``epoch``."""
        done = min(epoch / max(epochs, 1), 1)
        return self.floor + (1 - self.floor) * 0.5 * (1 + math.cos(math.pi * done))
