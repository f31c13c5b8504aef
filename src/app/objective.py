"""What a sweeper optimises: one number of a finished run."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from src.app.configuration.train import TrainConfig
from src.app.open_data import tasks_on_data
from src.distillation.base import REGIMES
from src.foundation.errors import UserError
from src.foundation.validation import nearest
from src.metrics.delta import delta_mtl
from src.runs.network_file import build_tasks
from src.runs.record import Run, read_run
from src.tasks.delta_metrics import Choice, chosen_metrics, delta_metrics
from src.training.history import logged_values

SCORE, DELTA = "val/score", "delta_mtl"


def check_objective(config: TrainConfig) -> None:
    """Raise UserError for an objective, or metrics for it, that a run of this configuration will not have."""
    objective = config.objective
    if config.delta_metrics is not None and objective != DELTA:
        why = f"it chooses the metrics of objective={DELTA}"
        raise UserError("delta_metrics would change nothing", why, f"objective={DELTA}, or report with delta_metrics")
    if objective is None:
        return
    tasks = build_tasks(tasks_on_data(config))
    known = [SCORE, DELTA, *(f"{name}/{metric}" for name, task in tasks.items() for metric in task.higher_is_better)]
    if objective not in known:
        meant = nearest(objective, known)
        why = f"a run of these tasks has {', '.join(known)}"
        raise UserError(f"there is no objective={objective}", why, f"objective={meant}" if meant else "")
    chosen_metrics(config.delta_metrics, [tasks])
    trainer = config.trainer
    validated = config.dataset.validation != "none" and trainer.check_val_every_n_epoch <= trainer.max_epochs
    if objective == SCORE and not validated:
        why = "no epoch is validated, so there is no such score"
        raise UserError(f"objective={SCORE} is never computed", why, "dataset.validation=holdout")
    taught = config.stage.name == "student" and REGIMES.traits(config.distillation).needs_trained_teachers
    if objective == DELTA and taught and config.teacher.proxy is not None:
        what, why = f"objective={DELTA} compares with single-task teachers", "teacher.proxy is a multi-task network"
        raise UserError(what, why, f"objective={known[2]}, or {SCORE}")
    if objective == DELTA and not taught:
        what = "a teacher" if config.stage.name == "teacher" else f"distillation={config.names.distillation}"
        instead = f"objective={known[2]}, or {SCORE}"
        raise UserError(f"objective={DELTA} needs teachers to compare with", f"{what} uses no trained one", instead)


def reference(teachers: Mapping[str, Any], metrics: Mapping[str, bool]) -> dict[str, float]:
    """Gather the teachers' test metrics.

    Args:
        teachers: values of ``teacher.TASK`` by task, as records hold them.
        metrics: those that are needed, as <task>/<metric>.

    Raises:
        UserError: a metric is not recorded, or is 0.
    """
    found: dict[str, float] = {}
    for entry in teachers.values():
        place = entry.get("from") if isinstance(entry, Mapping) else entry
        path = Path(str(place))
        folder = path.parent if path.name == "weights.pt" else path
        if (folder / "run.json").exists() and (run := read_run(folder)).record["stage"] == "teacher":
            found |= {key: value for key, value in run.results.items() if value is not None}
    for key in metrics:
        if not found.get(key):
            task = key.partition("/")[0]
            told = f"no {key} other than 0 of a single-task run is recorded there"
            why = f"teacher.{task} is {teachers.get(task, 'none')}, and {told}"
            raise UserError(f"objective={DELTA} needs a teacher's {key}", why, f"teacher.{task}=RUN_DIRECTORY")
    return found


def objective_of(run: Run, objective: str | None, chosen: Choice = None) -> float | None:
    """Return a finished run's value of an objective, None where there is none; ``chosen`` are metrics of delta_mtl."""
    if objective is None or not run.finished:
        return None
    if objective == SCORE:
        scores = [value for key, _, value in logged_values(run.path / "metrics.csv") if key == SCORE]
        return max(scores) if run.record["protocol"] == "best" else scores[-1]
    if objective != DELTA:
        return run.results[objective]
    metrics = compared_metrics(run.record["task_configs"], chosen)
    results = {key: value for key, value in run.results.items() if value is not None}
    return delta_mtl(results, reference(run.record["teachers"], metrics), metrics)


def compared_metrics(configs: Mapping[str, Any], chosen: Choice) -> dict[str, bool]:
    """Return each task's chosen or primary metric, as <task>/<metric>, and whether higher is better."""
    tasks = build_tasks(configs)
    return delta_metrics(tasks, chosen_metrics(chosen, [tasks]))
