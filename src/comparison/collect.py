"""From run directories to one row per method."""

import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from src.metrics.delta import delta_m, delta_mtl
from src.runs.record import Run
from src.runs.weights import build_tasks
from src.tasks.base import Task

Values = Mapping[str, list[float]]


@dataclass(frozen=True)
class Setting:
    """What runs must share to stand in one table."""

    dataset: str
    network: str
    epochs: int
    protocol: str


@dataclass
class Row:
    """A method's values by metric, one per seed; ``seeds`` says which."""

    method: str
    seeds: list[int] = field(default_factory=list)
    values: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

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
    """Group finished runs by setting and methods; a newer run of the same method and seed replaces an older one."""
    groups: dict[Setting, dict[tuple[str, int], Run]] = defaultdict(dict)
    for run in runs:
        if run.finished and run.results:
            groups[_setting(run.about)][_method(run.about), run.about["seed"]] = run
    return [_comparison(setting, members) for setting, members in groups.items()]


def _setting(about: Mapping[str, Any]) -> Setting:
    dataset = about["dataset"]
    name = f"{dataset['name']} {dataset['size'][0]}x{dataset['size'][1]}, {dataset['classes']} classes"
    return Setting(
        f"{name}, {about['train_images']} training images",
        about["names"]["model"],
        about["epochs"],
        about["protocol"],
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
    return method if names["loss_weights"] == "uniform" else f"{method} + {names['loss_weights']}"


def _comparison(setting: Setting, members: Mapping[tuple[str, int], Run]) -> Comparison:
    tasks: dict[str, Task] = {}
    single: dict[int, dict[str, float]] = defaultdict(dict)
    for (_, seed), run in members.items():
        tasks |= build_tasks(run.about["task_configs"])
        if run.about["stage"] == "teacher":
            single[seed] |= run.results
    rows = {"single task (teachers)": Row("single task (teachers)")}
    complete = {
        seed: values for seed, values in single.items() if all(f"{n}/{t.headline}" in values for n, t in tasks.items())
    }
    for seed, values in sorted(complete.items()):
        _add(rows["single task (teachers)"], seed, values, values, tasks)
    for (method, seed), run in sorted(members.items()):
        if run.about["stage"] == "student":
            row = rows.setdefault(method, Row(method))
            _add(row, seed, run.results, complete.get(seed), tasks)
            row.values["parameters (M)"].append(run.about["parameters"] / 1e6)
            row.values["images/s"].append(run.about.get("images_per_second", 0.0))
    return Comparison(setting, tasks, list(rows.values()))


def _add(
    row: Row,
    seed: int,
    results: Mapping[str, float],
    reference: Mapping[str, float] | None,
    tasks: Mapping[str, Task],
) -> None:
    row.seeds.append(seed)
    for key, value in results.items():
        row.values[key].append(value)
    if reference:
        row.values["Delta_MTL (%)"].append(delta_mtl(results, reference, list(tasks.values())))
        row.values["Delta_m (%)"].append(delta_m(results, reference, list(tasks.values())))
