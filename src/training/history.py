"""metrics.csv: all that a run has logged, a row per epoch."""

import csv
import io
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from src.foundation.files import write_atomically


def write_history(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write all rows in one step; a value that a row lacks stays empty."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns)
    writer.writeheader()
    writer.writerows(rows)
    write_atomically(path, text.getvalue())


def read_history(path: Path) -> list[dict[str, str]]:
    """Read the rows of a metrics.csv; none where there is no such file, or it is none."""
    try:
        with path.open(newline="") as stream:
            return [row for row in csv.DictReader(stream) if _number(row.get("epoch")) is not None]
    except (OSError, ValueError, csv.Error):
        return []  # a run without history still has its results


def logged_values(path: Path) -> Iterator[tuple[str, int, float]]:
    """Yield key, epoch, counted from 1, and value of all finite numbers in a metrics.csv."""
    for row in read_history(path):
        epoch = int(float(row.pop("epoch"))) + 1
        for key, text in row.items():
            value = _number(text)
            if key and value is not None:
                yield key, epoch, value


def _number(text: Any) -> float | None:
    """Read a finite number; None for anything else."""
    try:
        value = float(text or "")
    except (TypeError, ValueError):
        return None
    return value if math.isfinite(value) else None
