"""A comparison as Markdown."""

import re
from collections.abc import Sequence

from src.foundation.text import printable
from src.reporting.class_tables import ClassTable, class_tables, written
from src.reporting.rows import COST, DELTAS, Comparison
from src.reporting.tables import caption, cell, explanations, footnote, metric_columns, primary_columns, seeds, titles

MARKED = re.compile(r"[\\`*\[\]<>|&~#]|(?<![^\W_])_|_(?![^\W_])")
"""What Markdown could take for markup; an underscore within a word is none."""


def markdown(comparison: Comparison) -> str:
    """Write the full table as Markdown under its caption."""
    columns = list(dict.fromkeys([*primary_columns(comparison), *metric_columns(comparison), *DELTAS, *COST]))
    head = ["method", "seeds", *map(as_markdown, titles(comparison, columns))]
    lines = _lines(head, [[as_markdown(r.method), seeds(r), *(cell(r, c) for c in columns)] for r in comparison.rows])
    why = "".join(f"\n- {as_markdown(line)}" for line in explanations(comparison))
    reasons = f'\nWhat "-" stands for, and what a mean lacks:\n{why}\n' if why else ""
    classes = "".join(_classes(table) for table in class_tables(comparison) if table.rows)
    return f"{as_markdown(caption(comparison))} {footnote()}\n\n{lines}{reasons}{classes}"


def as_markdown(text: str) -> str:
    """Write text in one line so that Markdown shows it as it is."""
    return MARKED.sub(r"\\\g<0>", printable(text))


def _lines(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def _classes(table: ClassTable) -> str:
    """Write the IoU of classes, each under its name and colour."""
    head = ["method", *(f"{as_markdown(column.name)} `{column.colour}`" for column in table.columns)]
    rows = [
        [as_markdown(row.method), *(written(table.cell(row, column)) or "-" for column in table.columns)]
        for row in table.rows
    ]
    return f"\n{as_markdown(table.caption())}\n\n{_lines(head, rows)}"


def left_out_lines(left_out: Sequence[str]) -> str:
    """Write as Markdown which runs were left out, and why; nothing where all were compared."""
    lines = [f"- {as_markdown(line)}" for line in left_out]
    return "\n".join(["Left out:", "", *lines]) + "\n" if lines else ""
