"""Training curves of a method: its runs' metrics.csv, averaged over seeds."""

import csv
import math
import statistics
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from src.comparison.collect import Row

Curve = list[tuple[int, float]]
"""(epoch, counted from 1; value), in order."""


def curves(row: Row) -> dict[str, Curve]:
    """Average every logged value over the row's runs, epoch by epoch."""
    gathered: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for run in row.runs:
        for key, epoch, value in logged(run.path / "metrics.csv"):
            gathered[key][epoch].append(value)
    return {key: [(e, statistics.fmean(v)) for e, v in sorted(points.items())] for key, points in gathered.items()}


def logged(path: Path) -> Iterator[tuple[str, int, float]]:
    """Yield key, epoch, counted from 1, and value of all that a metrics.csv holds; nothing where it is none."""
    for line in _lines(path):
        epoch = _number(line.pop("epoch", ""))
        numbers = {key: _number(text) for key, text in line.items() if key}
        if epoch is not None:
            yield from ((key, int(epoch) + 1, value) for key, value in numbers.items() if value is not None)


def _lines(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(newline="") as stream:
            return list(csv.DictReader(stream))
    except (OSError, ValueError, csv.Error):
        return []  # a run without history still has its results


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except (TypeError, ValueError):
        return None
    return value if math.isfinite(value) else None
