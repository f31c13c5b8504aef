"""The IoU of single classes: a table for each task of classes, a row for each method."""

import statistics
from dataclasses import dataclass

from src.foundation.text import printable
from src.reporting.rows import Comparison, Row

MOST_COLUMNS = 100
"""Classes of a table; where there are more, those of most pixels."""


@dataclass(frozen=True)
class ClassColumn:
    """A class: its name in one line, its colour as #rrggbb and its key in the runs' scores."""

    name: str
    colour: str
    key: str


@dataclass(frozen=True)
class ClassTable:
    """The classes of a task, and the rows that have a score of one of them, with how many classes are left out."""

    task: str
    columns: list[ClassColumn]
    rows: list[Row]
    hidden: int

    def cell(self, row: Row, column: ClassColumn) -> float | None:
        """Return the mean of a class's IoU over the seeds that have it; None where none has."""
        found = row.classes.get(column.key)
        return statistics.fmean(found) if found else None

    def best(self, column: ClassColumn) -> str:
        """Write the largest mean of a class's IoU; nothing where there is nothing to compare."""
        means = [mean for row in self.rows if (mean := self.cell(row, column)) is not None]
        return written(max(means)) if len(means) > 1 else ""

    def caption(self) -> str:
        """Describe the table in one line."""
        rest = f"; the {len(self.columns)} classes of most pixels, {self.hidden} more in classes.json"
        return f"IoU of each class of {self.task}, mean over seeds; higher is better{rest if self.hidden else ''}."


def class_tables(comparison: Comparison) -> list[ClassTable]:
    """Return for each task of classes a table; it has no rows where no run has such scores."""
    return [_table(comparison, name) for name, task in comparison.tasks.items() if task.modality.kind == "classes"]


def _table(comparison: Comparison, task: str) -> ClassTable:
    modality = comparison.tasks[task].modality
    every = [
        ClassColumn(printable(name), "#{:02x}{:02x}{:02x}".format(*colour), f"{task}/iou/{name}")
        for name, colour in zip(modality.names, modality.colours, strict=True)
    ]
    rows = [row for row in comparison.rows if any(column.key in row.classes for column in every)]
    shares = [_share(rows, f"{task}/share/{name}") for name in modality.names]
    most = sorted(range(len(every)), key=lambda index: -shares[index])[:MOST_COLUMNS]
    return ClassTable(task, [every[index] for index in sorted(most)], rows, len(every) - len(most))


def written(value: float | None) -> str:
    """Write a score, empty where there is none."""
    return "" if value is None else f"{value:.3f}"


def _share(rows: list[Row], key: str) -> float:
    return next((row.classes[key][0] for row in rows if row.classes.get(key)), 0.0)
