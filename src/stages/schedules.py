"""Learning-rate factors by epoch."""

import math
from collections.abc import Callable

Schedule = Callable[[int, int], float]
"""(epoch, epochs in all) -> factor on the learning rate."""


def constant() -> Schedule:
    """Keep the learning rate."""
    return lambda epoch, epochs: 1.0


def step(every: int, gamma: float) -> Schedule:
    """Multiply the learning rate by ``gamma`` after every ``every`` epochs."""
    return lambda epoch, epochs: gamma ** (epoch // every)


def cosine(floor: float = 0.0) -> Schedule:
    """Fall from 1 to ``floor`` along half a cosine over all epochs."""
    return lambda epoch, epochs: floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * min(epoch / max(epochs, 1), 1)))
