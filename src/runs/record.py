"""run.json, metrics.json and classes.json: a run's configuration, its conditions and its results."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from src.foundation.errors import UserError
from src.foundation.files import write_json
from src.foundation.validation import validated
from src.runs.canonical import Configuration, canonical
from src.runs.former_names import by_name_of_modality, by_present_names, present_task
from src.runs.identity import decisive, run_digest
from src.runs.shape import ClassesShape, RecordShape, ResultsShape


@dataclass(frozen=True)
class Run:
    """A run directory with its record; ``results`` are its metrics under the protocol, None those without a value."""

    path: Path
    record: Mapping[str, Any]
    results: Mapping[str, float | None]

    @property
    def finished(self) -> bool:
        """Whether the run is whole: it has finished all that it was to train on all of the data."""
        return self.record.get("status") == "finished"

    @property
    def resumable(self) -> bool:
        """Whether there is something left to train: what ended it was no limit that would end it again."""
        ended = str((self.record.get("training") or {}).get("ended"))
        partial = self.record.get("status") == "partial"
        return not self.finished and (not partial or ended == "max_time" or ended.startswith("stopped"))

    @cached_property
    def configuration(self) -> Configuration:
        """The canonical configuration that decided what was trained; of a run of an earlier version, from config.yaml.

        Raises:
            UserError: the run does not say how it was trained.
        """
        if kept := self.record.get("configuration"):
            return canonical(kept)
        return _earlier_configuration(self.path, self.record)

    @cached_property
    def class_results(self) -> Mapping[str, float | None]:
        """Scores of single classes under the protocol, as <task>/<score>/<class>; none of a run of an earlier version.

        Raises:
            UserError: classes.json is not what a run writes.
        """
        path = self.path / "classes.json"
        found: Mapping[str, float | None] = _read_shape(path, ClassesShape)["classes"] if path.exists() else {}
        return found

    @cached_property
    def digest(self) -> str:
        """Identifies what was trained, the teachers that were used included."""
        return str(self.record.get("digest") or run_digest(self.configuration, {}))


@dataclass(frozen=True)
class Found:
    """The runs below a folder, oldest first, and a line for each directory whose record cannot be used."""

    runs: list[Run]
    unusable: list[str]


def read_run(path: Path) -> Run:
    """Read the run in directory ``path``.

    Raises:
        UserError: there is none, or its record is not of the declared shape.
    """
    record: Any = _read_shape(path / "run.json", RecordShape)
    record["model"] = by_present_names(record["model"])
    record["task_configs"] = {name: present_task(config) for name, config in record["task_configs"].items()}
    metrics = path / "metrics.json"
    return Run(path, record, _read_shape(metrics, ResultsShape)["metrics"] if metrics.exists() else {})


def search(root: Path) -> Found:
    """Read all runs below ``root``."""
    runs, unusable = [], []
    for file in sorted(root.rglob("run.json")):
        try:
            runs.append(read_run(file.parent))
        except UserError as error:
            unusable.append(f"{file.parent}: {error.what}" + (f", {error.why}" if error.why else ""))
    return Found(sorted(runs, key=lambda run: run.record["started"]), unusable)


def find_runs(root: Path) -> Iterator[Run]:
    """Yield all usable runs below ``root``, oldest first."""
    yield from search(root).runs


def _read_shape(path: Path, shape: type[Any]) -> dict[str, Any]:
    """Read a JSON file and check it against its declared shape; NaN, which is no JSON, is read as null."""
    try:
        content = json.loads(path.read_text(), parse_constant=lambda _: None)
        json.dumps(content)  # nested deeper than Python can follow
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path.name} cannot be read", f"{type(error).__name__}: {error}".split("\n")[0]) from error
    if not isinstance(content, dict):
        raise UserError(f"{path.name} is no mapping", f"it holds a {type(content).__name__}")
    mistakes = validated(shape, content)[1]
    if mistakes:
        raise UserError(f"{path.name} is not what a run writes", "; ".join(mistake.what for mistake in mistakes[:3]))
    return content


def _earlier_configuration(path: Path, record: Mapping[str, Any]) -> Configuration:
    """Take the configuration of a run whose record lacks it from the run's config.yaml."""
    data = {"content": record["dataset"].get("content"), "train_images": record["train_images"]}
    try:
        values = yaml.safe_load((path / "config.yaml").read_text())
        values["model"] = by_present_names(values["model"])
        precision = str(values["trainer"].get("precision"))
        tasks = {name: by_name_of_modality(config) for name, config in record["task_configs"].items()}
        return decisive(values, tasks, data, precision)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError) as error:
        raise UserError(
            f"{path} does not say how it was trained", f"config.yaml cannot be used: {type(error).__name__}"
        ) from error


def write_record(path: Path, record: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    """Write ``record`` with ``changes`` as run.json of directory ``path`` and return it."""
    changed = dict(record) | changes
    write_json(path / "run.json", changed)
    return changed
