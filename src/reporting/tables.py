"""A comparison as a terminal table and CSV, and what all formats have in common."""

import csv
import io
import statistics
from collections.abc import Sequence

from rich.markup import escape
from rich.table import Table

from src.foundation.text import printable
from src.reporting.rows import COST, DELTAS, GFLOP, PARAMETERS, Comparison, Row, gain_column

JUDGED = {
    "last": "test metrics of the last epoch",
    "mean10": "mean test metrics of the last ten epochs",
    "best": "test metrics of the epoch that was best on held-out training images",
}


def primary_columns(comparison: Comparison) -> list[str]:
    """List the columns of the short table: the metric of each task that Delta_MTL compares, then Delta_MTL."""
    return [*comparison.delta_metrics, DELTAS[0]]


def summary_columns(comparison: Comparison) -> list[str]:
    """List the short table's columns, the other delta and the cost."""
    return [*primary_columns(comparison), DELTAS[1], *COST]


def metric_columns(comparison: Comparison) -> list[str]:
    """List every metric of every task."""
    return [f"{name}/{key}" for name, task in comparison.tasks.items() for key in task.higher_is_better]


def higher_is_better(comparison: Comparison, column: str) -> bool | None:
    """Return whether higher values of a column are better; None for cost, which is no result."""
    task, _, key = column.partition("/")
    if column in comparison.delta_metrics:
        return comparison.delta_metrics[column]
    if task in comparison.tasks:
        return comparison.tasks[task].higher_is_better[key]
    if column in map(gain_column, comparison.tasks):
        return True
    return {DELTAS[0]: True, DELTAS[1]: False}.get(column)


def caption(comparison: Comparison) -> str:
    """Describe the setting and the protocol of a table's numbers."""
    setting = comparison.setting
    common = f"all methods that have it: {comparison.common}; " if comparison.common else ""
    return (
        f"{setting.dataset}; {setting.network}, {setting.epochs} epochs, {setting.training}; {common}"
        f"protocol {setting.protocol}: {JUDGED[setting.protocol]}; mean and sample standard deviation over seeds. "
        f"Delta_MTL: mean relative gain of {_compared(comparison)} over the teachers that a student used, or over "
        "those of the same training settings and seed; higher is better."
    )


def _compared(comparison: Comparison) -> str:
    """Name the metrics that Delta_MTL compares, where they are not the primary ones."""
    primary = [f"{name}/{task.primary_metric}" for name, task in comparison.tasks.items()]
    return "the primary metrics" if list(comparison.delta_metrics) == primary else ", ".join(comparison.delta_metrics)


def explanations(comparison: Comparison, columns: Sequence[str] = ()) -> list[str]:
    """List why values lack, of the given columns or of all."""
    return [line for row in comparison.rows for line in row.explanations(columns)]


def footnote() -> str:
    """Explain the columns of the full tables."""
    return (
        "Delta_m: mean relative loss over all metrics of the Nash-MTL and FAMO tables, lower is better. "
        "GFLOP: forward, per image, two per multiply-add. images/s: in training, teachers' features included. "
        "Single task: one network per task, their cost summed."
    )


def figures(row: Row, column: str) -> tuple[str, str] | None:
    """Write mean and spread of a cell, the spread empty where there is none; None for an empty cell."""
    mean, spread = row.mean(column), row.spread(column)
    if mean is None:
        return None
    percent = column in DELTAS or column.startswith("gain of ")
    digits = 2 if abs(mean) >= 10 or percent else 4
    constant = spread is None or column in (PARAMETERS, GFLOP)
    return f"{mean:.{digits}f}", "" if constant else f"{spread:.{digits}f}"


def best(comparison: Comparison, column: str) -> str | None:
    """Write the best mean of a column as ``figures`` does, None where there is no better and worse."""
    up = higher_is_better(comparison, column)
    rows = [row for row in comparison.rows if row.mean(column) is not None]
    if up is None or len(rows) < 2:
        return None
    found = figures((max if up else min)(rows, key=lambda row: row.mean(column) or 0.0), column)
    return found[0] if found else None


def seeds(row: Row) -> str:
    """List the seeds of a row."""
    return ", ".join(map(str, sorted(row.seeds))) or "-"


def titles(comparison: Comparison, columns: Sequence[str]) -> list[str]:
    """Name columns with an arrow in the direction of better."""
    ups = [higher_is_better(comparison, column) for column in columns]
    return [c if up is None else f"{c} {'↑' if up else '↓'}" for c, up in zip(columns, ups, strict=True)]


def rich_table(comparison: Comparison) -> Table:
    """Draw the short table for a terminal."""
    columns = primary_columns(comparison)
    table = Table(caption=_in_terminal(caption(comparison)), caption_justify="left")
    table.add_column("method", overflow="fold")
    for column in ["seeds", *titles(comparison, columns)]:
        table.add_column(_in_terminal(column), justify="right")
    for row in comparison.rows:
        table.add_row(_in_terminal(row.method), seeds(row), *(cell(row, column) for column in columns))
    if why := explanations(comparison, columns):
        table.caption = "\n".join(map(_in_terminal, [caption(comparison), *why]))
    return table


def _in_terminal(text: str) -> str:
    return escape(printable(text))


def as_csv(comparisons: list[Comparison]) -> str:
    """Write all tables as one CSV with a row per method and metric: mean, spread, number of seeds."""
    text = io.StringIO()
    writer = csv.writer(text)
    heads = ["dataset", "network", "epochs", "training", "protocol", "method", "metric", "mean", "spread", "seeds"]
    writer.writerow(heads)
    for comparison in comparisons:
        setting = comparison.setting
        where = [setting.dataset, setting.network, setting.epochs, setting.training, setting.protocol]
        for row in comparison.rows:
            for key, values in [*row.values.items(), *row.classes.items()]:
                spread = statistics.stdev(values) if len(values) > 1 else ""
                cells = [*where, row.method, key, statistics.fmean(values), spread, len(values)]
                writer.writerow([_no_formula(cell) if isinstance(cell, str) else cell for cell in cells])
    return text.getvalue()


def _no_formula(text: str) -> str:
    """Return text in one line, of which no spreadsheet makes a formula."""
    line = printable(text)
    return f"'{line}" if line.startswith(("=", "+", "-", "@")) else line


def cell(row: Row, column: str) -> str:
    """Write a cell as text."""
    found = figures(row, column)
    return " ± ".join(filter(None, found)) if found else "-"
