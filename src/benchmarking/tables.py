"""A benchmark as a terminal table, Markdown and a page with bars."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

from src.benchmarking.clock import PARTS
from src.visual.document import render
from src.visual.plots import Bar, bars
from src.visual.style import Style

Row = Mapping[str, Any]
COLUMNS = ("stage", "batch", "precision", "compile", "data", "images/s", "ms/step")
HEAD = (*COLUMNS, *(f"{part} ms" for part in PARTS), "MiB", "MFU", "evaluated/s", "metrics ms")
NOTE = (
    "images/s and ms/step: median over rounds, in the training loop as it is. The parts are medians over the steps of "
    "one more round that waits for the device between parts; the backward pass, the adaptors' too, is in `student`. "
    "MFU: operations a step needs (a backward pass counted as two forward passes) over what square matrix products "
    "reach in the same precision. MiB: the peak while a row was measured, with all that was measured in turn loaded. "
    "evaluated/s: test images predicted and evaluated; metrics ms: time of the metrics per image."
)


def cells(row: Row) -> list[str]:
    """Write a row under HEAD."""
    memory = "-" if row["memory"] is None else f"{row['memory'] / 2**20:.0f}"
    return [
        _what(row),
        str(row["batch_size"]),
        row["precision"],
        _compiled(row) or "no",
        row["data"],
        f"{row['images_per_second']:.1f}",
        f"{1000 * statistics.median(row['seconds']):.1f}",
        *(f"{1000 * row['parts'][part]:.1f}" for part in PARTS),
        memory,
        f"{100 * row['utilisation']:.0f} %",
        f"{row['evaluated_per_second']:.0f}",
        f"{1000 * max(1 / row['evaluated_per_second'] - 1 / row['predicted_per_second'], 0):.1f}",
    ]


def rich_table(rows: Sequence[Row]) -> Table:
    """Draw the table for a terminal."""
    table = Table()
    for column in HEAD:
        table.add_column(column, justify="left" if column == "stage" else "right")
    for row in rows:
        table.add_row(*cells(row))
    return table


def markdown(rows: Sequence[Row], machine: Mapping[str, Any]) -> str:
    """Write table, ratios and machine as Markdown."""
    lines = [f"| {' | '.join(HEAD)} |", f"|{'---|' * len(HEAD)}", *(f"| {' | '.join(cells(row))} |" for row in rows)]
    return "\n".join([*lines, "", NOTE, "", *(f"- {line}" for line in ratios(rows)), "", _described(machine), ""])


def ratios(rows: Sequence[Row]) -> list[str]:
    """Compare measurements close in time: a distilled student with the baseline, and a variant with its base."""
    measured = {(row["stage"], row["variant"], _setting(row)): row["seconds"] for row in rows}
    found = []
    for row in rows:
        if row["stage"] == "distilled" and (plain := measured.get(("multi-task", row["variant"], _setting(row)))):
            added = [100 * (ours / theirs - 1) for ours, theirs in zip(row["seconds"], plain, strict=True)]
            variant = f", {row['variant']}" if row["variant"] else ""
            found.append(f"{_name(row)}{variant}: distilling adds {_middle(added, 0)} % to a multi-task step")
        if row["variant"] and (base := measured.get((row["stage"], "", _setting(row)))):
            speedup = [theirs / ours for ours, theirs in zip(row["seconds"], base, strict=True)]
            found.append(
                f"{_name(row)}: {row['stage']} with {row['variant']} runs at {_middle(speedup, 2)} times the speed"
            )
    return found


def page(rows: Sequence[Row], machine: Mapping[str, Any]) -> str:
    """Draw images a second, a bar per row, and the table, as one page that needs nothing else."""
    styles = {stage: Style.of(number) for number, stage in enumerate(dict.fromkeys(row["stage"] for row in rows))}
    drawn = [Bar(_bar_name(r, rows), r["images_per_second"], None, styles[r["stage"]]) for r in rows]
    return render(
        "src.benchmarking",
        "benchmark.html.jinja",
        machine=_described(machine),
        bars=bars("images per second in training", drawn, signed=False),
        ratios=ratios(rows),
        head=HEAD,
        rows=[cells(row) for row in rows],
        note=NOTE,
    )


def _described(machine: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in machine.items())


def _what(row: Row) -> str:
    return f"{row['stage']}, {row['variant']}" if row["variant"] else str(row["stage"])


def _middle(values: Sequence[float], digits: int) -> str:
    low, high = (f"{value:.{digits}f}" for value in (min(values), max(values)))
    return f"{statistics.median(values):.{digits}f} ({low} to {high})"


def _bar_name(row: Row, rows: Sequence[Row]) -> str:
    """Name a row by its stage and variant and by those of its settings that differ between rows."""
    settings = {"batch_size": f"batch {row['batch_size']}", "precision": row["precision"], "data": row["data"]}
    settings["compile"] = _compiled(row) or "not compiled"
    varied = [text for key, text in settings.items() if len({other[key] for other in rows}) > 1]
    return ", ".join([_what(row), *(text.removesuffix("-mixed").removesuffix("-true") for text in varied)])


def _setting(row: Row) -> tuple[Any, ...]:
    return row["batch_size"], row["precision"], row["compile"], row["data"]


def _name(row: Row) -> str:
    compiled = f", compiled ({_compiled(row)})" if row["compile"] else ""
    return f"batch {row['batch_size']}, {row['precision']}, {row['data']}{compiled}"


def _compiled(row: Row) -> str:
    return row["compile"] if isinstance(row["compile"], str) else "default" if row["compile"] else ""
