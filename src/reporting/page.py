"""A comparison as one self-contained HTML page."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from markupsafe import Markup

from src.reporting import feature_probe, tables
from src.reporting.class_tables import ClassTable, class_tables, written
from src.reporting.curves import curves
from src.reporting.pictures import side_by_side
from src.reporting.rows import DELTAS, Comparison, Row, gain_column
from src.visual.document import render
from src.visual.plots import Bar, Curve, bars, overlay, swatch
from src.visual.style import Style

WATCHED = {
    "test": "the test split; nothing is selected on it",
    "val": "the val split",
    "holdout": "a held-out part of the training images",
}


class Head(NamedTuple):
    """A column's title, its task above it, in which order the first click sorts, and the colour of its class."""

    task: str
    title: str
    first: str
    colour: str = ""


class Cell(NamedTuple):
    """The text of a cell, and the value it is sorted by."""

    mean: str
    spread: str
    value: float | str
    best: bool


EMPTY = Cell("\N{EN DASH}", "", "", False)


def page(comparisons: Sequence[Comparison], pictures: int, left_out: Sequence[str] = ()) -> str:
    """Write all comparisons with tables, bars, curves and the panels of up to ``pictures`` images per setting.

    ``left_out`` has a line for each run that is not compared.
    """
    sections = [_section(comparison, pictures) for comparison in comparisons]
    return render("src.reporting", "page.html.jinja", sections=sections, left_out=left_out)


def _section(comparison: Comparison, pictures: int) -> dict[str, Any]:
    """Gather the values of section.html.jinja for a comparison."""
    setting = comparison.setting
    styles = {row.method: Style.of(i) for i, row in enumerate(comparison.rows)}
    history = {row.method: curves(row) for row in comparison.rows}
    # the column that matters most is the one a narrow screen shows
    summary = sorted(tables.summary_columns(comparison), key=lambda column: column != DELTAS[0])
    legend = [(i, method, swatch(styles[method])) for i, (method, logged) in enumerate(history.items()) if logged]
    return {
        "name": f"{setting.dataset}; {setting.network}, {setting.epochs} epochs, {setting.training}, "
        f"protocol {setting.protocol}",
        "heading": f"{setting.dataset.partition(',')[0]}, {setting.network}",
        "caption": tables.caption(comparison),
        "footnote": tables.footnote(),
        "explanations": tables.explanations(comparison),
        "summary": _table(comparison, summary),
        "classes": [_classes(table) for table in class_tables(comparison)],
        "metrics": _table(comparison, tables.metric_columns(comparison)),
        "gains": _gains(comparison, styles),
        "training": _training(comparison, history, styles),
        "watched": _watched(comparison),
        "legend": legend,
        "probed": feature_probe.figures(history, styles),
        "pictures": side_by_side(comparison.rows, pictures),
    }


def _table(comparison: Comparison, columns: Sequence[str]) -> dict[str, Any]:
    """Gather the heads and rows of a table of ``columns``."""
    bests = {column: tables.best(comparison, column) for column in columns}
    rows = [
        {
            "method": row.method,
            "seeds": tables.seeds(row),
            "seed_count": len(row.seeds),
            "cells": [_cell(row, column, bests[column]) for column in columns],
        }
        for row in comparison.rows
    ]
    return {"heads": [_head(comparison, column) for column in columns], "rows": rows}


def _classes(table: ClassTable) -> dict[str, Any]:
    """Gather a task's legend, and the table of the IoU of its classes."""
    rows = []
    for row in table.rows:
        means = [(table.cell(row, column), table.best(column)) for column in table.columns]
        cells = [EMPTY if v is None else Cell(written(v), "", v, written(v) == top) for v, top in means]
        rows.append({"method": row.method, "seeds": tables.seeds(row), "seed_count": len(row.seeds), "cells": cells})
    heads = [Head("", column.name, "descending", column.colour) for column in table.columns]
    entries = [(column.name, column.colour) for column in table.columns]
    content = {"heads": heads, "rows": rows}
    return {"task": table.task, "entries": entries, "hidden": table.hidden, "caption": table.caption(), **content}


def _head(comparison: Comparison, column: str) -> Head:
    """Build a column's head, its task above its name."""
    (title,) = tables.titles(comparison, [column])
    task, slash, metric = title.partition("/")
    order = "ascending" if tables.higher_is_better(comparison, column) is False else "descending"
    above, below = (task, metric) if slash and task in comparison.tasks else ("", title)
    return Head(above, _bound(below), order)


def _bound(title: str) -> str:
    """Keep a title's arrow with its last word."""
    return title.replace("_", " ").replace(" ↑", "\N{NO-BREAK SPACE}↑").replace(" ↓", "\N{NO-BREAK SPACE}↓")


def _cell(row: Row, column: str, winner: str | None) -> Cell:
    found, value = tables.figures(row, column), row.mean(column)
    return EMPTY if found is None or value is None else Cell(*found, value, found[0] == winner)


def _gains(comparison: Comparison, styles: Mapping[str, Style]) -> list[Markup]:
    """Draw the mean gain and each task's, a bar per method; nothing where no method has one."""
    figures = []
    for column in (DELTAS[0], *map(gain_column, comparison.tasks)):
        found = [(row, row.mean(column)) for row in comparison.rows if not row.reference]
        entries = [Bar(r.method, v, r.spread(column), styles[r.method]) for r, v in found if v is not None]
        if entries:
            figures.append(bars(tables.titles(comparison, [column])[0], entries))
    return figures


def _training(
    comparison: Comparison, history: Mapping[str, Mapping[str, Curve]], styles: Mapping[str, Style]
) -> list[Markup]:
    """Draw each task's training loss and the metric that is compared, where they were logged."""
    keys = {f"train/loss/{name}": f"{name}: training loss ↓" for name in comparison.tasks}
    keys |= {
        f"val/{column}": tables.titles(comparison, [column])[0].replace("_", " ") for column in comparison.delta_metrics
    }
    figures = [overlay(title, key, history, styles) for key, title in keys.items()]
    return [figure for figure in figures if figure]


def _watched(comparison: Comparison) -> str:
    splits = {run.record.get("validation", "test") for row in comparison.rows for run in row.runs}
    return " and ".join(WATCHED.get(split, str(split)) for split in sorted(splits))
