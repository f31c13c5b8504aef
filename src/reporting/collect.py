"""From run directories to one table per setting, with one row per method."""

import math
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from src.foundation.errors import UserError
from src.foundation.validation import short
from src.metrics.delta import delta_m, delta_mtl
from src.reporting.cost import gflop
from src.reporting.methods import Method, method_of_run, name_methods, setting_of_run
from src.reporting.references import References
from src.reporting.rows import DELTAS, GFLOP, PARAMETERS, SINGLE, SPEED, Comparison, Row, Setting, gain_column
from src.runs.canonical import flattened
from src.runs.identity import digest, setting_of
from src.runs.network_file import build_tasks
from src.runs.record import Run
from src.runs.teacher_ranking import extent
from src.tasks.base import Task
from src.tasks.delta_metrics import Choice, Chosen, chosen_metrics, delta_metrics

NOT_A_NUMBER = "not a number in every seed's metrics"


@dataclass(frozen=True)
class Usable:
    """The runs that can be compared, oldest first, and a line of explanation for each of the others."""

    runs: list[Run]
    left_out: list[str] = field(default_factory=list)


def usable(runs: Sequence[Run], named: Collection[Path] = ()) -> Usable:
    """Select the runs that are whole and can be read here; one whose directory is ``named`` need not be whole."""
    paths = {path.resolve() for path in named}
    kept, left_out = [], []
    for run in runs:
        try:
            _check(run, run.path.resolve() in paths)
            kept.append(run)
        except UserError as error:
            left_out.append(f"{run.path}: {error.what}" + (f", {error.why}" if error.why else ""))
    return Usable(kept, left_out)


def compare(runs: Usable, all_runs: Sequence[Run] = (), choice: Choice = None) -> tuple[list[Comparison], list[str]]:
    """Group runs by setting and method; a newer run of the same method and seed replaces an older one.

    Args:
        runs: the runs to compare.
        all_runs: those among which the teachers that students used are looked for.
        choice: metrics that Delta_MTL compares instead of primary ones.

    Returns:
        The tables, and a line for each run that was left out.

    Raises:
        UserError: no run has a metric of ``choice``.
    """
    chosen = chosen_metrics(choice, (build_tasks(r.record["task_configs"]) for r in runs.runs)) if runs.runs else {}
    references = References(all_runs or runs.runs, runs.runs)
    members: dict[tuple[str, str, int], Run] = {}
    left_out = list(runs.left_out)
    for run in runs.runs:
        method = _method(run, references)
        identity = method.digest if method else digest(run.configuration)
        member = setting_of_run(run).digest, identity, run.record["seed"]
        if earlier := members.get(member):
            left_out.append(f"{earlier.path}: trained again, as {run.path}")
        members[member] = run
    settings: dict[str, list[Run]] = defaultdict(list)
    for (setting, _, _), run in members.items():
        settings[setting].append(run)
    tables = [_comparison(setting_of_run(found[0]), found, references, chosen) for found in settings.values()]
    return tables, left_out


def _check(run: Run, named: bool) -> None:
    """Raise UserError for a run that cannot be compared."""
    if run.record.get("debug") and not named:
        raise UserError(f"a debug run ({run.record['debug']})")
    if not run.finished and not named:
        raise UserError(f"no whole run: {extent(run)}")
    if not run.results:
        raise UserError("it has no test metrics")
    build_tasks(run.record["task_configs"])
    setting_of_run(run)


def _method(run: Run, references: References) -> Method | None:
    """Describe a student's method; None for a teacher."""
    return method_of_run(run, references.differences(run)) if run.record["stage"] == "student" else None


def _comparison(setting: Setting, runs: Sequence[Run], references: References, chosen: Chosen) -> Comparison:
    """Build a setting's table from its runs."""
    configs: dict[str, Any] = {}
    for run in sorted(runs, key=lambda run: -len(run.record["task_configs"])):  # in a student's order
        configs |= {name: config for name, config in run.record["task_configs"].items() if name not in configs}
    tasks = build_tasks(configs)
    students = [(run, _named_by_tasks(m, run, tasks)) for run in runs if (m := _method(run, references))]
    keys = list(flattened(setting_of(runs[0].configuration)))
    names, common = name_methods(list({m.digest: m for _, m in students}.values()), keys)
    single = _single_rows(setting, runs, students, tasks, references, chosen)
    rows: dict[str, Row] = {}
    for run, method in sorted(students, key=lambda each: each[0].record["seed"]):
        solved = {name: task for name, task in tasks.items() if name in run.record["task_configs"]}
        row = rows.setdefault(method.digest, Row(names[method.digest]))
        _add(row, run.record["seed"], [run], solved, references, chosen)
    ordered = sorted(rows.values(), key=lambda row: (-(row.mean(DELTAS[0]) or 0.0), row.method))
    ordered.sort(key=lambda row: row.mean(DELTAS[0]) is None)
    return Comparison(setting, tasks, [*single, *ordered], delta_metrics(tasks, chosen), common)


def _named_by_tasks(method: Method, run: Run, tasks: Collection[str]) -> Method:
    """Name the tasks of a student that has not all of the table's: a mean over fewer tasks is another quantity."""
    solved = [task for task in tasks if task in run.record["task_configs"]]
    return (
        method if len(solved) == len(tasks) else replace(method, label=f"{method.label}, {' and '.join(solved)} alone")
    )


def _single_rows(
    setting: Setting,
    runs: Sequence[Run],
    students: Sequence[tuple[Run, Method]],
    tasks: Mapping[str, Task],
    references: References,
    chosen: Chosen,
) -> list[Row]:
    """Gather the teachers of the setting, a seed for each whole set, and other sets that students used."""
    rows = {SINGLE: Row(SINGLE, reference=True)}
    sets: dict[tuple[str, int], dict[str, Run]] = {}
    configs = {name: task for run in runs for name, task in run.configuration["tasks"].items()}
    for seed in {run.record["seed"] for run in runs}:
        try:
            found = {task: references.of_setting(setting.digest, seed, task, configs[task]) for task in tasks}
            sets[SINGLE, seed] = found
        except UserError:  # a student that is compared with them says why it cannot be
            continue
    for run, method in students:
        others = {k.removeprefix("teacher."): v for k, v in method.changed.items() if k.startswith("teacher.")}
        used = {name: references.used(run, name) for name in tasks if name in (run.record.get("teachers") or {})}
        if others and all(used.values()) and used.keys() == tasks.keys():
            name = f"{SINGLE}: {', '.join(f'{key}={short(value)}' for key, value in others.items())}"
            sets[name, run.record["seed"]] = {task: teacher for task, teacher in used.items() if teacher}
    for (name, seed), own in sorted(sets.items()):
        row = rows.setdefault(name, Row(name, reference=True))
        _add(row, seed, [own[task] for task in tasks], tasks, None, chosen)
    return list(rows.values())


def _add(
    row: Row,
    seed: int,
    runs: list[Run],
    tasks: Mapping[str, Task],
    references: References | None,
    chosen: Chosen,
) -> None:
    """Add a seed to ``row``: one run, or one per task, whose cost is the sum."""
    results = {key: value for run in runs for key, value in run.results.items()}
    row.seeds.append(seed)
    row.runs += runs
    for key, value in results.items():
        row.add(key, value, NOT_A_NUMBER)
    for run in runs:
        _add_classes(row, run)
    known = {key: value for key, value in results.items() if value is not None}
    compared = delta_metrics(tasks, chosen)
    several = {f"{n}/{key}": t.higher_is_better[key] for n, t in tasks.items() for key in t.delta_m_metrics}
    columns = [(DELTAS[0], delta_mtl, compared), (DELTAS[1], delta_m, several)]
    columns += [(gain_column(name), delta_mtl, {k: compared[k]}) for name, k in zip(tasks, compared, strict=True)]
    for column, delta, metrics in columns:
        try:
            reference = known if references is None else _reference(runs[0], metrics, references)
            row.add(column, delta(known, reference, metrics), NOT_A_NUMBER)
        except UserError as error:
            row.add(column, None, f"{error.what} (seed {seed})")
    _add_cost(row, runs)


def _add_classes(row: Row, run: Run) -> None:
    """Add the scores of single classes, which older runs lack, and a class without pixels."""
    try:
        found = {key: value for key, value in run.class_results.items() if value is not None and math.isfinite(value)}
    except UserError as error:
        row.notes["scores of classes"][f"{error.what} ({run.path})"] = None
        return
    for key, value in found.items():
        row.classes[key].append(value)


def _reference(run: Run, metrics: Collection[str], references: References) -> dict[str, float]:
    """Return the results of the teachers for the tasks of ``metrics``."""
    teachers = [references.of(run, task) for task in dict.fromkeys(key.partition("/")[0] for key in metrics)]
    return {key: value for teacher in teachers for key, value in teacher.results.items() if value is not None}


def _add_cost(row: Row, runs: Sequence[Run]) -> None:
    """Add parameters, operations and training speed."""
    row.add(PARAMETERS, sum(run.record["parameters"] for run in runs) / 1e6, "")
    operations = [gflop(run.record) for run in runs]
    total = None if None in operations else sum(filter(None, operations))
    row.add(GFLOP, total, "its network cannot be built here")
    speeds = [run.record.get("images_per_second") or 0.0 for run in runs]
    row.add(SPEED, 1 / sum(1 / speed for speed in speeds) if all(speeds) else None, "no speed was recorded")
