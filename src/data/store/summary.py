"""What a store holds, as a table for people."""

from collections.abc import Sequence

from rich.table import Table

from src.data.store.manifest import Manifest
from src.data.store.statistics import MapStatistics
from src.modalities.base import Modality

FEW = 5
"""Names that are listed before a count stands for the others."""


def summary(manifest: Manifest) -> Table:
    """Return a table of what was measured: a row per modality and split."""
    table = Table("map", "split", "unit", "min", "median", "max", "valid", "classes found", "missing")
    for name, modality in manifest.modalities.items():
        for split, measured in manifest.statistics.items():
            if name in measured:
                table.add_row(name, split, modality.unit, *_numbers(modality, measured[name]))
        table.add_section()
    return table


def _numbers(modality: Modality, measured: MapStatistics) -> list[str]:
    bounds = ["-" if value is None else f"{value:.4g}" for value in (measured.low, measured.median, measured.high)]
    if modality.kind == "classes":
        bounds = ["-"] * 3
    return [*bounds, f"{measured.valid:.1%}", *_classes(modality, measured)]


def _classes(modality: Modality, measured: MapStatistics) -> tuple[str, str]:
    if modality.kind != "classes":
        return "", ""
    missing = [modality.names[index] for index in measured.missing]
    return f"{len(modality.names) - len(missing)} of {len(modality.names)}", _few(missing)


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:FEW]) + (f" and {len(names) - FEW} more" if len(names) > FEW else "")
