"""What was found of a part, for tests."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from src.contracts.base import Finding
from src.contracts.kinds import CONTRACTS

SLOW = ("exports",)
"""Notes that take longer than all else together."""


def quick(group: str, config: Mapping[str, Any], only: Collection[str] = ()) -> list[Finding]:
    """Look at a part's properties, or at those in ``only``, but never at the slow ones."""
    contract = CONTRACTS[group]
    names = [one.check.__name__ for one in contract.properties]
    kept = [name for name in only or names if name not in SLOW]
    return list(
        replace(contract, properties=[contract.properties[names.index(name)] for name in kept]).findings(config)
    )


def look(group: str, target: str, **options: Any) -> list[Finding]:
    """Look at a part of a group (of a dataset, at its source)."""
    config = {"_target_": target, **options}
    return quick(group, {"source": config} if group == "dataset" else config)


def broken(group: str, target: str, **options: Any) -> dict[str, str]:
    """What was seen of each property that does not hold, by its name."""
    return told(look(group, target, **options))


def told(findings: list[Finding]) -> dict[str, str]:
    """What was seen of each property that does not hold, by its name."""
    return {f.name: f.seen for f in findings if f.verdict == "does not hold"}
