"""A comparison as LaTeX tables that need the package booktabs."""

from collections.abc import Iterator, Sequence

from src.foundation.text import printable
from src.reporting.class_tables import ClassTable, class_tables, written
from src.reporting.rows import COST, DELTAS, Comparison, Row
from src.reporting.tables import (
    best,
    caption,
    explanations,
    figures,
    higher_is_better,
    metric_columns,
    seeds,
    summary_columns,
)

SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    **{character: f"\\{character}" for character in "&%$#_{}"},
}
ACROSS = 8
"""Classes side by side."""
SYMBOLS = {DELTAS[0]: r"$\Delta_{\mathrm{MTL}}$ (\%)", DELTAS[1]: r"$\Delta_m$ (\%)"}


def latex(comparison: Comparison) -> str:
    """Write the short table, that of the cost, and one of all metrics per task; each column's best in bold."""
    summary = summary_columns(comparison)
    tables = [[c for c in summary if c not in COST], list(COST)]
    tables += [[c for c in metric_columns(comparison) if c.startswith(f"{task}/")] for task in comparison.tasks]
    classes = [text for table in class_tables(comparison) if table.rows for text in _class_tables(table)]
    why = "".join(f"% {printable(line)}\n" for line in explanations(comparison))
    return "\n".join([*(_table(comparison, columns) for columns in tables), *classes]) + why


def escape(text: str) -> str:
    """Write text so that LaTeX prints it as it is."""
    return "".join(SPECIAL.get(character, character) for character in printable(text))


def _table(comparison: Comparison, columns: Sequence[str]) -> str:
    """Write a table of ``columns``, each column's best in bold."""
    bests = {column: best(comparison, column) for column in columns}
    head = ["method", "seeds", *(_title(comparison, column) for column in columns)]
    body = [
        [escape(row.method), seeds(row), *(_cell(row, column, bests[column]) for column in columns)]
        for row in comparison.rows
    ]
    return _tabular(caption(comparison), f"ll{'r' * len(columns)}", head, body)


def _class_tables(table: ClassTable) -> Iterator[str]:
    """Write tables of the IoU of classes, a few to each so that they fit a page; each column's best in bold."""
    for start in range(0, len(table.columns), ACROSS):
        columns = table.columns[start : start + ACROSS]
        body = []
        for row in table.rows:
            means = [(written(table.cell(row, column)), table.best(column)) for column in columns]
            cells = [rf"\textbf{{{mean}}}" if mean and mean == top else mean for mean, top in means]
            body.append([escape(row.method), *(cell or "--" for cell in cells)])
        head = ["method", *(escape(column.name) for column in columns)]
        yield _tabular(table.caption(), f"l{'r' * len(columns)}", head, body)


def _tabular(title: str, columns: str, head: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    """Write a table of cells that are LaTeX already."""
    lines = [
        r"\begin{table}",
        r"\centering\small",
        rf"\caption{{{escape(title)}}}",
        rf"\begin{{tabular}}{{{columns}}}",
        r"\toprule",
        " & ".join(head) + r" \\",
        r"\midrule",
        *(" & ".join(cells) + r" \\" for cells in body),
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def _title(comparison: Comparison, column: str) -> str:
    """Write a column's name with an arrow in the direction of better."""
    up = higher_is_better(comparison, column)
    arrow = "" if up is None else r" $\uparrow$" if up else r" $\downarrow$"
    task, _, metric = column.partition("/")
    name = f"{task} {metric.replace('_', ' ')}" if task in comparison.tasks else column
    return SYMBOLS.get(column, escape(name)) + arrow


def _cell(row: Row, column: str, winner: str | None) -> str:
    """Write mean and spread of a cell, bold where the mean is ``winner``."""
    found = figures(row, column)
    if found is None:
        return "--"
    mean, spread = found
    text = rf"\textbf{{{mean}}}" if mean == winner else mean
    return f"{text} $\\pm$ {spread}" if spread else text
