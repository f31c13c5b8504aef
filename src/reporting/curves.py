"""Training curves of a method: its runs' metrics.csv, averaged over seeds."""

import statistics
from collections import defaultdict

from src.reporting.rows import Row
from src.training.history import logged_values
from src.visual.plots import Curve


def curves(row: Row) -> dict[str, Curve]:
    """Average every logged value over the row's runs, epoch by epoch."""
    gathered: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for run in row.runs:
        for key, epoch, value in logged_values(run.path / "metrics.csv"):
            gathered[key][epoch].append(value)
    return {key: [(e, statistics.fmean(v)) for e, v in sorted(points.items())] for key, points in gathered.items()}
