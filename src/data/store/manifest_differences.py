"""In what a store differs from the one that is asked for."""

from dataclasses import asdict
from typing import Any

from src.data.store.manifest import Manifest
from src.modalities.base import Modality


def differences(stored: Manifest, asked: Manifest) -> list[str]:
    """Describe how the store ``stored`` differs from ``asked``; empty where it does not."""
    found = []
    for key, word in (("dataset", "dataset"), ("size", "size"), ("source", "source")):
        old, new = getattr(stored, key), getattr(asked, key)
        if old != new:
            found.append(f"{word}: stored is <{_show(old)}>, requested is <{_show(new)}>")
    asked = asked.with_measured(stored.modalities)
    for name in stored.modalities.keys() & asked.modalities.keys():
        found += _changed(stored.modalities[name], asked.modalities[name])
    for name in sorted(stored.splits.keys() | asked.splits.keys()):
        if name not in stored.splits or name not in asked.splits:
            found.append(f"split {name}: in one of them only")
        elif stored.splits[name].frames != asked.splits[name].frames:
            counts = stored.splits[name].count, asked.splits[name].count
            found.append(f"{name}: {counts[0]} frames stored, {counts[1]} requested")
        elif stored.splits[name].arrays.keys() != asked.splits[name].arrays.keys():
            found.append(
                f"{name}: {', '.join(stored.splits[name].arrays)} stored,"
                f" {', '.join(asked.splits[name].arrays)} requested"
            )
    if not found and stored.without_checksums() != asked.without_checksums():
        found.append("types of the arrays")
    return found


def _changed(stored: Modality, asked: Modality) -> list[str]:
    """Describe what a modality is otherwise; long values are not repeated."""
    changed = [key for key, value in asdict(stored).items() if value != getattr(asked, key)]
    short = {"names", "colours", "weights"}
    return [
        f"{key} of {stored.name}"
        + ("" if key in short else f": stored is <{getattr(stored, key)}>, requested is <{getattr(asked, key)}>")
        for key in changed
    ]


def _show(value: Any) -> str:
    return "x".join(map(str, value)) if isinstance(value, tuple) else str(value)
