"""From run directories to one row per method."""

import statistics
import zlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from src.foundation.errors import UserError
from src.metrics.delta import delta_m, delta_mtl
from src.reporting.cost import gflop
from src.runs.network_file import build_tasks
from src.runs.record import Run
from src.tasks.base import Task

SINGLE = "single task (teachers)"
DELTAS = ("Delta_MTL (%)", "Delta_m (%)")
PARAMETERS, GFLOP, SPEED = "parameters (M)", "GFLOP", "images/s"
COST = (PARAMETERS, GFLOP, SPEED)

Member = tuple[str, tuple[str, ...], int]
"""Method, tasks and seed."""


def gain_column(task: str) -> str:
    """Name the column of a task's relative gain in its primary metric."""
    return f"gain of {task} (%)"


@dataclass(frozen=True)
class Setting:
    """The settings that runs must share to be in one table."""

    dataset: str
    network: str
    epochs: int
    protocol: str
    digest: str = ""
    """Hash of the network's config and of the training data, which a name alone does not fix."""


@dataclass
class Row:
    """A method's values by metric, one per seed of ``seeds``, and the runs that they come from."""

    method: str
    seeds: list[int] = field(default_factory=list)
    values: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    runs: list[Run] = field(default_factory=list)

    def mean(self, key: str) -> float | None:
        """Mean over seeds; None where no seed has the value."""
        return statistics.fmean(self.values[key]) if self.values.get(key) else None

    def spread(self, key: str) -> float | None:
        """Sample standard deviation over seeds; None for fewer than two."""
        return statistics.stdev(self.values[key]) if len(self.values.get(key, ())) > 1 else None


@dataclass
class Comparison:
    """One table: its setting, tasks and rows; the first row is the single-task teachers."""

    setting: Setting
    tasks: dict[str, Task]
    rows: list[Row]


def usable(runs: Sequence[Run]) -> tuple[list[Run], list[str]]:
    """Return the runs whose tasks can be built here, and a line of explanation for each of the others."""
    kept, left_out = [], []
    for run in runs:
        try:
            build_tasks(run.record["task_configs"])
            kept.append(run)
        except (UserError, KeyError, TypeError, AttributeError) as error:
            why = error.what if isinstance(error, UserError) else f"its record lacks {error}"
            left_out.append(f"{run.path}: {why}")
    return kept, left_out


def compare(runs: Sequence[Run]) -> list[Comparison]:
    """Group finished runs by setting and methods; a newer run of the same method and seed replaces an older one.

    A method is its options and the values that were set for it; a debug run is none.
    """
    groups: dict[Setting, dict[Member, Run]] = defaultdict(dict)
    for run in runs:
        if run.finished and run.results and not run.record.get("debug"):
            member = (_method(run.record), tuple(run.record["task_configs"]), run.record["seed"])
            groups[_setting(run.record)][member] = run
    return [_comparison(setting, members) for setting, members in groups.items()]


def _setting(record: Mapping[str, Any]) -> Setting:
    """Build the setting of a run from its record."""
    dataset = record["dataset"]
    name = f"{dataset['name']} {dataset['size'][0]}x{dataset['size'][1]}, {dataset['classes']} classes"
    decisive = record.get("model"), dataset.get("content"), record.get("supervised_tasks")
    suffix = {"full": "", "random": ", random tasks' labels each", "one": ", one task's label each"}
    return Setting(
        f"{name}, {record['train_images']} training images{suffix[record.get('supervision', 'full')]}",
        record["names"]["model"],
        record["epochs"],
        record["protocol"],
        f"{zlib.crc32(repr(decisive).encode()):08x}",
    )


def _method(record: Mapping[str, Any]) -> str:
    """Name a run's method: its label, or its options that are not the defaults and the values set for it."""
    if record["stage"] == "teacher":
        return f"teacher of {record['task']}"
    if record.get("label"):
        return str(record["label"])
    names = record["names"]
    method = "multi-task" if names["distillation"] == "none" else f"distilled ({names['distillation']}"
    if names["distillation"] != "none":
        extras = [names[k] for k, usual in (("adaptor", "linear"), ("distance", "normalised")) if names[k] != usual]
        method = ", ".join([method, *extras]) + ")"
    method = method if names["loss_weights"] == "uniform" else f"{method} + {names['loss_weights']}"
    return " ".join([method, *(f"[{value}]" for value in record.get("values", ()))])


def _comparison(setting: Setting, members: Mapping[Member, Run]) -> Comparison:
    """Build a setting's table from its runs, the single-task teachers first."""
    configs: dict[str, Any] = {}
    teachers: dict[int, dict[str, Run]] = defaultdict(dict)
    for (_, names, seed), run in sorted(members.items(), key=lambda item: -len(item[0][1])):  # in a student's order
        configs |= {name: config for name, config in run.record["task_configs"].items() if name not in configs}
        if run.record["stage"] == "teacher":
            teachers[seed][names[0]] = run
    tasks = build_tasks(configs)
    rows = {SINGLE: Row(SINGLE)}
    for seed, own in sorted(teachers.items()):
        if own.keys() == tasks.keys():
            _add(rows[SINGLE], seed, [own[name] for name in tasks], own, tasks)
    for (method, _, seed), run in sorted(members.items(), key=lambda item: item[0]):
        if run.record["stage"] == "student":
            solved = {name: task for name, task in tasks.items() if name in run.record["task_configs"]}
            if len(solved) < len(tasks):  # a mean over fewer tasks is another quantity
                method = f"{method}, {' and '.join(solved)} alone"
            _add(rows.setdefault(method, Row(method)), seed, [run], teachers[seed], solved)
    return Comparison(setting, tasks, list(rows.values()))


def _add(row: Row, seed: int, runs: list[Run], teachers: Mapping[str, Run], tasks: Mapping[str, Task]) -> None:
    """Add a seed to ``row``: one run, or one per task, whose cost is the sum."""
    results = _results(runs)
    row.seeds.append(seed)
    row.runs += runs
    for key, value in results.items():
        row.values[key].append(value)
    reference = _results(teachers[name] for name in tasks if name in teachers)
    primary = {f"{n}/{t.primary_metric}": t.higher_is_better[t.primary_metric] for n, t in tasks.items()}
    if all(key in reference for key in primary):
        several = {f"{n}/{key}": t.higher_is_better[key] for n, t in tasks.items() for key in t.delta_m_metrics}
        row.values[DELTAS[0]].append(delta_mtl(results, reference, primary))
        row.values[DELTAS[1]].append(delta_m(results, reference, several))
        for name, (key, higher) in zip(tasks, primary.items(), strict=True):
            row.values[gain_column(name)].append(delta_mtl(results, reference, {key: higher}))
    row.values[PARAMETERS].append(sum(run.record["parameters"] for run in runs) / 1e6)
    operations = [gflop(run.record) for run in runs]
    if None not in operations:
        row.values[GFLOP].append(sum(filter(None, operations)))
    speeds = [run.record.get("images_per_second", 0.0) for run in runs]
    if all(speeds):
        row.values[SPEED].append(1 / sum(1 / speed for speed in speeds))


def _results(runs: Iterable[Run]) -> dict[str, float]:
    return {key: value for run in runs for key, value in run.results.items()}
