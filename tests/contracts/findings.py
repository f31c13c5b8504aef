"""Findings of contracts, for tests."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from src.contracts.base import Finding
from src.contracts.kinds import CONTRACTS

SLOW = ("exports",)
"""Properties that take longer than all others together."""


def quick(group: str, config: Mapping[str, Any], only: Collection[str] = ()) -> list[Finding]:
    """Check a part's properties, or only some of them, but not the slow ones."""
    contract = CONTRACTS[group]
    names = [one.check.__name__ for one in contract.properties]
    kept = [name for name in only or names if name not in SLOW]
    return list(
        replace(contract, properties=[contract.properties[names.index(name)] for name in kept]).findings(config)
    )


def check(group: str, target: str, **options: Any) -> list[Finding]:
    """Check a registered part of a group; of a dataset, its source."""
    config = {"_target_": target, **options}
    return quick(group, {"source": config} if group == "dataset" else config)


def broken(group: str, target: str, **options: Any) -> dict[str, str]:
    """Return what was seen of each property that does not hold, by name."""
    return failures(check(group, target, **options))


def failures(findings: list[Finding]) -> dict[str, str]:
    """Return what was seen of each property that does not hold, by name."""
    return {f.name: f.seen for f in findings if f.verdict == "does not hold"}
