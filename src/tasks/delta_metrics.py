"""The metrics by which tasks are compared with their teachers: one a task, the primary one unless another is chosen."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from src.foundation.errors import UserError
from src.foundation.validation import nearest
from src.tasks.base import Task

Choice = Sequence[str] | Mapping[str, str] | None
"""Metrics as <task>/<metric>, or by task."""
Chosen = dict[str, tuple[str, bool]]
"""By task, a metric and whether higher is better."""


def chosen_metrics(choice: Choice, tasks: Iterable[Mapping[str, Task]]) -> Chosen:
    """Check a choice of metrics against all tasks, by name, of one or several runs.

    Raises:
        UserError: no run has such a task or metric, or a task has two.
    """
    known: dict[str, dict[str, bool]] = {}
    for some in tasks:
        for name, task in some.items():
            known[name] = {**task.higher_is_better, **known.get(name, {})}
    found: Chosen = {}
    for name, metric in _pairs(choice, known):
        if name not in known:
            raise _unknown(f"delta_metrics names the task {name}", name, known, "there are")
        if metric not in known[name]:
            raise _unknown(f"delta_metrics names {name}/{metric}", metric, known[name], f"the metrics of {name} are")
        if name in found:
            why = "Delta_MTL is the mean over tasks of one metric each"
            one = f"delta_metrics=[{name}/{metric}]"
            raise UserError(f"delta_metrics names {name}/{found[name][0]} and {name}/{metric}", why, one)
        found[name] = metric, known[name][metric]
    return found


def delta_metrics(tasks: Mapping[str, Task], chosen: Chosen) -> dict[str, bool]:
    """Return the metric of each task, as <task>/<metric>, and whether higher is better."""
    primary = {name: (task.primary_metric, task.higher_is_better[task.primary_metric]) for name, task in tasks.items()}
    every = {name: chosen.get(name, metric) for name, metric in primary.items()}
    return {f"{name}/{metric}": higher for name, (metric, higher) in every.items()}


def _pairs(choice: Choice, known: Mapping[str, Mapping[str, bool]]) -> Iterator[tuple[str, str]]:
    """Yield task and metric of each choice."""
    if isinstance(choice, Mapping):
        yield from choice.items()
        return
    for key in choice or ():
        name, slash, metric = key.rpartition("/")
        if not slash:
            owner = next((task for task, metrics in known.items() if key in metrics), "")
            mend = f"delta_metrics=[{owner}/{key}]" if owner else ""
            raise UserError(f"delta_metrics names {key} without a task", "a metric is named TASK/METRIC", mend)
        yield name, metric


def _unknown(what: str, name: str, known: Iterable[str], beside: str) -> UserError:
    names = sorted(known)
    meant = nearest(name, names)
    return UserError(f"{what}, which is unknown", f"{beside} {', '.join(names)}", f"{meant} instead" if meant else "")
