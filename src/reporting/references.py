"""The single-task teachers to which a run is compared: those it used, else those of its own settings and seed."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from src.foundation.errors import UserError
from src.reporting.methods import setting_of_run
from src.runs.identity import digest
from src.runs.record import Run
from src.runs.teacher_ranking import extent, training_differences

Place = tuple[str, int, str]
"""A setting's digest, a seed and a task."""


class References:
    """The teachers among the runs of a report.

    Args:
        runs: all runs that were read, oldest first, whole or not: a student may have used any.
        whole: those that count, for runs that used no teacher.
    """

    def __init__(self, runs: Sequence[Run], whole: Sequence[Run]) -> None:
        teachers = [run for run in runs if run.record["stage"] == "teacher"]
        self.by_digest = {run.digest: run for run in teachers if run.results}
        self.whole = [run for run in whole if run.record["stage"] == "teacher"]
        self.by_path = {run.path.resolve(): run for run in teachers}
        self.by_place: dict[Place, dict[str, Run]] = defaultdict(dict)
        for run in self.whole:
            place = setting_of_run(run).digest, run.record["seed"], run.record["task"]
            self.by_place[place][digest(run.configuration)] = run  # a newer one replaces an older

    def of(self, run: Run, task: str) -> Run:
        """Return the teacher of ``task`` to which ``run`` is compared.

        What a multi-task network has taught is compared to the single-task teacher of its own settings and seed.

        Raises:
            UserError: there is none, or not one alone; it says why.
        """
        proxied = task in run.record.get("proxy_teachers", {})
        if task in (run.record.get("teachers") or {}) and not proxied:
            return self._comparable(run, task, self.used(run, task))
        return self.of_setting(setting_of_run(run).digest, run.record["seed"], task, run.configuration["tasks"][task])

    def of_setting(self, setting: str, seed: int, task: str, config: Any) -> Run:
        """Return the whole teacher of ``task`` that a setting has for a seed, that of the same task ``config`` first.

        Raises:
            UserError: there is none, or not one alone; it says why.
        """
        candidates = list(self.by_place.get((setting, seed, task), {}).values())
        same = [run for run in candidates if run.configuration["tasks"] == {task: config}]
        if len(same or candidates) == 1:
            return (same or candidates)[0]
        if candidates:
            found = ", ".join(str(run.path) for run in candidates)
            raise UserError(f"several teachers of {task} have these training settings and seed {seed}: {found}")
        others = [run for run in self.whole if run.record["task"] == task and run.record["seed"] == seed]
        found = ", ".join(str(run.path) for run in others) or "none"
        raise UserError(
            f"no whole teacher of {task} has these training settings and seed {seed}; of other settings: {found}"
        )

    def used(self, run: Run, task: str) -> Run | None:
        """Return the run of the teacher that ``run`` used for ``task``; None where it is not to be found."""
        mark, entry = run.record.get("teacher_runs", {}).get(task), run.record["teachers"][task]
        if mark in self.by_digest:
            return self.by_digest[mark]
        where = entry.get("from") if isinstance(entry, Mapping) else entry
        if not isinstance(where, str):
            return None
        if found := self.by_path.get(Path(where).resolve()):
            return found
        # recorded by an earlier version, relative to a folder that is not known: by its own name, which is unique
        end = Path(where).parts[-2:]
        alike = [run for path, run in self.by_path.items() if path.parts[-2:] == end]
        return alike[0] if len(alike) == 1 else None

    def differences(self, run: Run) -> dict[str, dict[str, Any]]:
        """Return in what the training of each teacher that ``run`` used, if a run trained it, differs from its own."""
        found = {}
        for name in run.record.get("teachers") or {}:
            if name in run.record.get("teacher_differences", {}):
                found[name] = dict(run.record["teacher_differences"][name])
            elif teacher := self.used(run, name):
                found[name] = training_differences(teacher, run.configuration)
        return found

    def _comparable(self, run: Run, task: str, teacher: Run | None) -> Run:
        """Raise UserError unless a teacher that was used has results under the run's protocol."""
        where = run.record["teachers"][task]
        if teacher is None:
            raise UserError(f"its teacher of {task}, {where}, is not among the runs")
        if not teacher.results:
            raise UserError(f"its teacher of {task}, {where}, has no test metrics ({extent(teacher)})")
        if teacher.record["protocol"] != run.record["protocol"]:
            raise UserError(f"its teacher of {task} was evaluated by protocol {teacher.record['protocol']}")
        return teacher
