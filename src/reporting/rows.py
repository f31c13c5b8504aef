"""What a report consists of: a table for each setting, a row for each method, a value for each seed."""

import math
import statistics
from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from src.runs.record import Run
from src.tasks.base import Task

SINGLE = "single task (teachers)"
DELTAS = ("Delta_MTL (%)", "Delta_m (%)")
PARAMETERS, GFLOP, SPEED = "parameters (M)", "GFLOP", "images/s"
COST = (PARAMETERS, GFLOP, SPEED)


def gain_column(task: str) -> str:
    """Name the column of a task's relative gain in the metric that Delta_MTL compares."""
    return f"gain of {task} (%)"


@dataclass(frozen=True)
class Setting:
    """The settings that runs must share to be in one table."""

    dataset: str
    network: str
    epochs: int
    protocol: str
    training: str = ""
    """Optimiser, schedule, augmentation, batch size, precision, and what else was changed."""
    digest: str = ""
    """Hash of the configuration that the runs share."""


@dataclass
class Row:
    """A method's values by column, one per seed of ``seeds``, the runs that they come from, and why values lack."""

    method: str
    seeds: list[int] = field(default_factory=list)
    values: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    runs: list[Run] = field(default_factory=list)
    reference: bool = False
    """Whether these are single-task teachers, to which others are compared."""
    classes: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    """Scores of single classes by <task>/<score>/<class>, of the seeds that have them."""
    notes: dict[str, dict[str, None]] = field(default_factory=lambda: defaultdict(dict))
    """Reasons why a column lacks the values of some seeds."""

    def add(self, column: str, value: float | None, why: str) -> None:
        """Add a seed's value; what is no finite number is left out, for the reason ``why``."""
        if value is None or not math.isfinite(value):
            self.notes[column][why] = None
        else:
            self.values[column].append(value)

    def mean(self, column: str) -> float | None:
        """Mean over seeds; None where no seed has the value."""
        return statistics.fmean(self.values[column]) if self.values.get(column) else None

    def spread(self, column: str) -> float | None:
        """Sample standard deviation over seeds; None for fewer than two."""
        return statistics.stdev(self.values[column]) if len(self.values.get(column, ())) > 1 else None

    def explanations(self, only: Collection[str] = ()) -> Iterator[str]:
        """Yield a line for each reason why values lack, with the columns that lack them (``only`` some, or all)."""
        reasons: dict[str, list[str]] = defaultdict(list)
        for column, why in self.notes.items():
            for reason in why:
                if not only or column in only:
                    reasons[reason].append(column)
        for reason, columns in reasons.items():
            yield f"{self.method}: {', '.join(columns)}: {reason}"


@dataclass
class Comparison:
    """One table: its setting, tasks and rows, the single-task teachers first, then the best Delta_MTL."""

    setting: Setting
    tasks: dict[str, Task]
    rows: list[Row]
    delta_metrics: dict[str, bool]
    """The metric of each task that Delta_MTL compares, as <task>/<metric>, and whether higher is better."""
    common: str = ""
    """Values that all methods share and that are no defaults."""
