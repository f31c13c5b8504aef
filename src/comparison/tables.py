"""A comparison as a terminal table, Markdown and CSV."""

import csv
import io

from rich.table import Table

from src.comparison.collect import Comparison, Row

DELTAS = ("Delta_MTL (%)", "Delta_m (%)")
COST = ("parameters (M)", "images/s")


def headline_columns(comparison: Comparison) -> list[str]:
    """List the columns of the short table: headline metric per task, then Delta_MTL."""
    return [*(f"{name}/{task.headline}" for name, task in comparison.tasks.items()), DELTAS[0]]


def all_columns(comparison: Comparison) -> list[str]:
    """List the columns of the full table: every metric, both deltas, cost."""
    metrics = [f"{name}/{key}" for name, task in comparison.tasks.items() for key in task.higher_is_better]
    return [*metrics, *DELTAS, *COST]


def caption(comparison: Comparison) -> str:
    """Say under which protocol the numbers were had."""
    setting = comparison.setting
    judged = {
        "last": "test metrics of the last epoch",
        "mean10": "mean test metrics of the last ten epochs",
        "best": "test metrics of the epoch that was best on held-out training images",
    }[setting.protocol]
    return (
        f"{setting.dataset}; {setting.network}, {setting.epochs} epochs; {judged}; mean and sample standard deviation "
        "over seeds. Delta_MTL: mean relative gain of the headline metrics over the teachers, higher is better."
    )


def rich_table(comparison: Comparison) -> Table:
    """Draw the short table for a terminal."""
    columns = headline_columns(comparison)
    table = Table(caption=caption(comparison), caption_justify="left")
    table.add_column("method", overflow="fold")
    for column in ["seeds", *_titles(comparison, columns)]:
        table.add_column(column, justify="right")
    for row in comparison.rows:
        table.add_row(row.method, _seeds(row), *(_cell(row, column) for column in columns))
    return table


def markdown(comparison: Comparison) -> str:
    """Write the full table as Markdown under its caption."""
    columns = [*headline_columns(comparison)]
    columns += [column for column in all_columns(comparison) if column not in columns]
    head = ["method", "seeds", *_titles(comparison, columns)]
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    lines += [f"| {' | '.join([r.method, _seeds(r), *(_cell(r, c) for c in columns)])} |" for r in comparison.rows]
    return f"{caption(comparison)}\n\n" + "\n".join(lines) + "\n"


def as_csv(comparisons: list[Comparison]) -> str:
    """Write all tables as one CSV with a row per method and metric: mean, spread, number of seeds."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["dataset", "network", "epochs", "protocol", "method", "metric", "mean", "spread", "seeds"])
    for comparison in comparisons:
        setting = comparison.setting
        where = [setting.dataset, setting.network, setting.epochs, setting.protocol]
        for row in comparison.rows:
            for key, values in row.values.items():
                spread = row.spread(key)
                writer.writerow([*where, row.method, key, row.mean(key), "" if spread is None else spread, len(values)])
    return text.getvalue()


def _titles(comparison: Comparison, columns: list[str]) -> list[str]:
    titles = []
    for column in columns:
        task, _, key = column.partition("/")
        up = column == DELTAS[0] if column not in COST and task not in comparison.tasks else None
        if task in comparison.tasks:
            up = comparison.tasks[task].higher_is_better[key]
        titles.append(column if up is None else f"{column} {'↑' if up else '↓'}")
    return titles


def _seeds(row: Row) -> str:
    return ", ".join(map(str, sorted(row.seeds))) or "-"


def _cell(row: Row, column: str) -> str:
    mean, spread = row.mean(column), row.spread(column)
    if mean is None:
        return "-"
    digits = 2 if abs(mean) >= 10 or column in DELTAS else 4
    return f"{mean:.{digits}f}" if spread is None else f"{mean:.{digits}f} ± {spread:.{digits}f}"
