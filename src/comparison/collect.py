"""From run directories to one row per method."""

import statistics
import zlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from src.comparison.cost import gflop
from src.metrics.delta import delta_m, delta_mtl
from src.runs.record import Run
from src.runs.weights import build_tasks
from src.tasks.base import Task

SINGLE = "single task (teachers)"
DELTAS = ("Delta_MTL (%)", "Delta_m (%)")
PARAMETERS, GFLOP, SPEED = "parameters (M)", "GFLOP", "images/s"
COST = (PARAMETERS, GFLOP, SPEED)

Member = tuple[str, tuple[str, ...], int]
"""Method, tasks and seed."""


def gain_column(task: str) -> str:
    """Name the column of a task's relative gain in its headline metric."""
    return f"gain of {task} (%)"


@dataclass(frozen=True)
class Setting:
    """What runs must share to stand in one table."""

    dataset: str
    network: str
    epochs: int
    protocol: str
    mark: str = ""
    """Hash of the network's config and of the training data, which a name alone does not fix."""


@dataclass
class Row:
    """A method's values by metric, one per seed; ``seeds`` says which, ``runs`` where they come from."""

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


def compare(runs: Sequence[Run]) -> list[Comparison]:
    """Group finished runs by setting and methods; a newer run of the same method and seed replaces an older one.

    A method is its options and the values that were set for it; a debug run is none.
    """
    groups: dict[Setting, dict[Member, Run]] = defaultdict(dict)
    for run in runs:
        if run.finished and run.results and not run.about.get("debug"):
            member = (_method(run.about), tuple(run.about["task_configs"]), run.about["seed"])
            groups[_setting(run.about)][member] = run
    return [_comparison(setting, members) for setting, members in groups.items()]


def _setting(about: Mapping[str, Any]) -> Setting:
    dataset = about["dataset"]
    name = f"{dataset['name']} {dataset['size'][0]}x{dataset['size'][1]}, {dataset['classes']} classes"
    decisive = about.get("model"), dataset.get("content"), about.get("supervised_tasks")
    kept = {"full": "", "random": ", random tasks' labels each", "one": ", one task's label each"}
    return Setting(
        f"{name}, {about['train_images']} training images{kept[about.get('supervision', 'full')]}",
        about["names"]["model"],
        about["epochs"],
        about["protocol"],
        f"{zlib.crc32(repr(decisive).encode()):08x}",
    )


def _method(about: Mapping[str, Any]) -> str:
    if about["stage"] == "teacher":
        return f"teacher of {about['task']}"
    if about.get("label"):
        return str(about["label"])
    names = about["names"]
    method = "multi-task" if names["distillation"] == "none" else f"distilled ({names['distillation']}"
    if names["distillation"] != "none":
        extras = [names[k] for k, usual in (("adaptor", "linear"), ("distance", "normalised")) if names[k] != usual]
        method = ", ".join([method, *extras]) + ")"
    method = method if names["loss_weights"] == "uniform" else f"{method} + {names['loss_weights']}"
    return " ".join([method, *(f"[{value}]" for value in about.get("values", ()))])


def _comparison(setting: Setting, members: Mapping[Member, Run]) -> Comparison:
    configs: dict[str, Any] = {}
    teachers: dict[int, dict[str, Run]] = defaultdict(dict)
    for (_, names, seed), run in sorted(members.items(), key=lambda item: -len(item[0][1])):  # in a student's order
        configs |= {name: config for name, config in run.about["task_configs"].items() if name not in configs}
        if run.about["stage"] == "teacher":
            teachers[seed][names[0]] = run
    tasks = build_tasks(configs)
    rows = {SINGLE: Row(SINGLE)}
    for seed, own in sorted(teachers.items()):
        if own.keys() == tasks.keys():
            _add(rows[SINGLE], seed, [own[name] for name in tasks], own, tasks)
    for (method, _, seed), run in sorted(members.items(), key=lambda item: item[0]):
        if run.about["stage"] == "student":
            solved = {name: task for name, task in tasks.items() if name in run.about["task_configs"]}
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
    if all(f"{name}/{task.headline}" in reference for name, task in tasks.items()):
        row.values[DELTAS[0]].append(delta_mtl(results, reference, list(tasks.values())))
        row.values[DELTAS[1]].append(delta_m(results, reference, list(tasks.values())))
        for name, task in tasks.items():
            row.values[gain_column(name)].append(delta_mtl(results, reference, [task]))
    row.values[PARAMETERS].append(sum(run.about["parameters"] for run in runs) / 1e6)
    operations = [gflop(run.about) for run in runs]
    if None not in operations:
        row.values[GFLOP].append(sum(filter(None, operations)))
    speeds = [run.about.get("images_per_second", 0.0) for run in runs]
    if all(speeds):
        row.values[SPEED].append(1 / sum(1 / speed for speed in speeds))


def _results(runs: Iterable[Run]) -> dict[str, float]:
    return {key: value for run in runs for key, value in run.results.items()}
