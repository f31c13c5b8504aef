"""run.json and metrics.json: what a run is, under what conditions, and what came out."""

import hashlib
import json
import platform
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from src.files import write_json

PACKAGES = (
    "torch",
    "pytorch-lightning",
    "torchmetrics",
    "hydra-core",
    "segmentation-models-pytorch",
    "torchjd",
    "numpy",
)
NOT_PART_OF_A_METHOD = (
    "paths", "logger", "pictures", "inside", "resume", "reuse", "teacher", "teacher_cache", "names", "dataset",
)  # fmt: skip


@dataclass(frozen=True)
class Run:
    """A run directory with its record; ``results`` are its judged metrics, empty until it has finished."""

    path: Path
    about: Mapping[str, Any]
    results: Mapping[str, float]

    @property
    def finished(self) -> bool:
        """Whether the run ended as it should."""
        return self.about.get("status") == "finished"


def read_run(path: Path) -> Run | None:
    """Read the run in directory ``path``; None where there is none or its record is unreadable."""
    try:
        about = json.loads((path / "run.json").read_text())
        metrics = path / "metrics.json"
        results = json.loads(metrics.read_text())["metrics"] if metrics.exists() else {}
    except (OSError, ValueError, KeyError):
        return None
    return Run(path, about, results)


def find_runs(root: Path) -> Iterator[Run]:
    """Yield all runs below ``root``, oldest first."""
    runs = [run for file in root.rglob("run.json") if (run := read_run(file.parent))]
    yield from sorted(runs, key=lambda run: str(run.about.get("started", "")))


def write_record(path: Path, about: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    """Write ``about`` with ``changes`` as run.json of directory ``path`` and return it."""
    record = dict(about) | changes
    write_json(path / "run.json", record)
    return record


def describe_environment() -> dict[str, Any]:
    """Describe what a result depends on besides its config: versions, commit, machine, command."""
    return {
        "command": " ".join(sys.argv),
        "started": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "git": _git_commit(),
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
        "versions": {name: _version(name) for name in PACKAGES},
    }


def fingerprint(config: Mapping[str, Any], content: str, teachers: Mapping[str, str]) -> str:
    """Hash what decides a run's outcome: the config without paths, loggers and pictures, the data, teachers' marks."""
    left_out = {*NOT_PART_OF_A_METHOD, *_without_a_part(config)}
    relevant = {key: value for key, value in config.items() if key not in left_out}
    dataset = {
        key: value for key, value in config["dataset"].items() if key not in ("root", "workers", "resident", "source")
    }
    text = json.dumps([relevant, dataset, content, dict(teachers)], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _without_a_part(config: Mapping[str, Any]) -> tuple[str, ...]:
    """Name the groups that the config holds but the run does not use."""
    if config["stage"]["name"] == "teacher":
        tasks = ("tasks",) if config["labels"] == "full" else ()  # else they share the labels
        return (*tasks, "adaptor", "distance", "distillation", "loss_weights")
    distils = config["distillation"]["regime"] != "none"
    return ("task",) if distils else ("task", "adaptor", "distance")


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _git_commit() -> str | None:
    folder = Path(__file__).parent
    try:
        commit = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],
            cwd=folder, capture_output=True, text=True, timeout=10, check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    return commit.stdout.strip()
