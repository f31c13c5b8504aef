"""run.json and metrics.json: a run's configuration, its conditions and its results."""

import json
import platform
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from src.foundation.files import write_json
from src.runs.former_names import by_present_names

PACKAGES = (
    "torch",
    "pytorch-lightning",
    "torchmetrics",
    "hydra-core",
    "segmentation-models-pytorch",
    "torchjd",
    "numpy",
)


@dataclass(frozen=True)
class Run:
    """A run directory with its record; ``results`` are its metrics under the protocol, empty until it has finished."""

    path: Path
    record: Mapping[str, Any]
    results: Mapping[str, float]

    @property
    def finished(self) -> bool:
        """Whether the run has finished."""
        return self.record.get("status") == "finished"


def read_run(path: Path) -> Run | None:
    """Read the run in directory ``path``; None where there is none or its record is unreadable."""
    try:
        record = json.loads((path / "run.json").read_text())
        metrics = path / "metrics.json"
        results = json.loads(metrics.read_text())["metrics"] if metrics.exists() else {}
    except (OSError, ValueError, KeyError):
        return None
    if not isinstance(record, dict):
        return None
    if "model" in record:
        record["model"] = by_present_names(record["model"])
    if isinstance(record.get("task_configs"), dict):
        record["task_configs"] = {name: by_present_names(config) for name, config in record["task_configs"].items()}
    return Run(path, record, results)


def find_runs(root: Path) -> Iterator[Run]:
    """Yield all runs below ``root``, oldest first."""
    runs = [run for file in root.rglob("run.json") if (run := read_run(file.parent))]
    yield from sorted(runs, key=lambda run: str(run.record.get("started", "")))


def write_record(path: Path, record: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    """Write ``record`` with ``changes`` as run.json of directory ``path`` and return it."""
    changed = dict(record) | changes
    write_json(path / "run.json", changed)
    return changed


def describe_environment() -> dict[str, Any]:
    """Describe what a result depends on besides its config: versions, commit, machine, command."""
    return {
        "command": shlex.join(sys.argv),
        "started": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "git": _git_commit(),
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
        "versions": {name: _version(name) for name in PACKAGES},
    }


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
