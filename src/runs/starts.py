"""The starts of a run, each with what its result depends on besides the configuration: versions, commit, machine."""

import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGES = (
    "torch",
    "pytorch-lightning",
    "torchmetrics",
    "hydra-core",
    "segmentation-models-pytorch",
    "torchjd",
    "numpy",
)
ENVIRONMENT = ("command", "cwd", "started", "git", "python", "machine", "versions")
"""What is recorded of each start of a run."""


def begin_start(record: Mapping[str, Any], earlier: Mapping[str, Any] | None, epochs: int) -> dict[str, Any]:
    """Add this start of a run to its ``record``; command, time and conditions at its top stay the first start's.

    Args:
        record: the record as this start describes it.
        earlier: the record that the start before left, None for a new run. What that start has not written, as it was
            killed, stays null.
        epochs: epochs that were trained before, which is the first one's number in metrics.csv.
    """
    start = {key: record.get(key) for key in ENVIRONMENT}
    start |= {"from_epoch": epochs, "seconds": None, "ended": None, "status": "running"}
    if earlier is None:
        return {**record, "starts": [start]}
    before = earlier.get("starts")
    if not isinstance(before, list) or not all(isinstance(each, dict) for each in before) or not before:
        first = {key: earlier.get(key) for key in (*ENVIRONMENT, "seconds", "status")}  # by an earlier version
        before = [{"from_epoch": 0, "ended": None} | first]
    before = [each | {"status": "killed"} if each.get("status") == "running" else each for each in before]
    return {**record, **{key: before[0].get(key) for key in ENVIRONMENT}, "starts": [*before, start]}


def end_start(record: Mapping[str, Any], status: str, seconds: float) -> dict[str, Any]:
    """Write into a record how, when and after how many seconds its last start ended.

    The record's own ``seconds`` are those of all starts together, without any that was killed and has none.
    """
    *before, last = record["starts"]
    last = last | {"seconds": round(seconds, 1), "ended": _now(), "status": status}
    known = [each["seconds"] for each in (*before, last) if isinstance(each.get("seconds"), int | float)]
    return {**record, "starts": [*before, last], "status": status, "seconds": round(sum(known), 1)}


def describe_environment() -> dict[str, Any]:
    """Describe what a result depends on besides its config: versions, commit, machine, command."""
    return {
        "command": shlex.join(sys.argv),
        "cwd": os.getcwd(),
        "started": _now(),
        "git": _git_commit(),
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
        "versions": {name: _version(name) for name in PACKAGES},
    }


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _git_commit() -> str | None:
    """Return the commit of this code, with -dirty where files have changed; None outside a repository."""
    folder = Path(__file__).parent
    try:
        commit = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],
            cwd=folder, capture_output=True, text=True, timeout=10, check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    return commit.stdout.strip()
