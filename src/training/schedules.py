"""Learning-rate factors by epoch, or by step."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import Field

from src.foundation.registry import Registry

SCHEDULES = Registry("schedule", "src.training")
"""Classes whose objects are schedules."""

Schedule = Callable[[int, int], float]
"""(epoch, epochs in all) -> factor on the learning rate; an object, so that it reaches spawned processes.

One with a true attribute ``by_step`` is given the optimiser's steps instead, counted from 0, and changes at each.
"""


@dataclass(frozen=True)
class Extent:
    """How long a training is.

    Args:
        epochs: in all.
        steps_per_epoch: steps of the optimiser in one.
        steps: in all; fewer than in all epochs where a limit ends training before.
    """

    epochs: int
    steps_per_epoch: int
    steps: int


def is_by_step(schedule: Schedule) -> bool:
    """Whether a schedule is a function of steps, not of epochs."""
    return bool(getattr(schedule, "by_step", False))


def factor_by_epoch(schedule: Schedule, epochs: int) -> Callable[[int], float]:
    """Return the factor on the learning rate as a function of the epoch."""
    return lambda epoch: schedule(epoch, epochs)


def factor_by_step(schedule: Schedule, extent: Extent) -> Callable[[int], float]:
    """Return the factor on the learning rate as a function of the step, for schedules by epoch, too."""
    if is_by_step(schedule):
        return lambda step: schedule(step, extent.steps)
    return lambda step: schedule(step // extent.steps_per_epoch, extent.epochs)


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


@SCHEDULES.register()
@dataclass(frozen=True)
class WarmupCosine:
    """Rise in equal steps to 1, then fall to ``floor`` along half a cosine until the last step."""

    by_step: ClassVar[bool] = True
    warmup: Annotated[
        Annotated[int, Field(ge=0)] | Annotated[float, Field(gt=0, lt=1)],
        Field(description="steps of the optimiser (a whole number), or share of all of them, in which the rate rises"),
    ] = 0.05
    floor: Annotated[float, Field(ge=0, le=1, description="factor at the end")] = 0.0

    def __call__(self, step: int, steps: int) -> float:
        """Return the factor of ``step``, counted from 0; none is 0 while the rate rises."""
        rise = self.warmup if isinstance(self.warmup, int) else round(self.warmup * steps)
        if step < rise:
            return (step + 1) / rise
        done = min((step - rise) / max(steps - 1 - rise, 1), 1)
        return self.floor + (1 - self.floor) * 0.5 * (1 + math.cos(math.pi * done))
