"""Train a teacher or a student: python -m src.train stage=teacher task=depth."""

import logging
import warnings
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import yaml
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode

from src.app import command
from src.app.assemble import Assembled, assemble, title
from src.app.command import Invocation
from src.app.configuration.train import TrainConfig
from src.app.data_tasks import with_data_tasks
from src.app.describe import describe
from src.app.fitting import fit
from src.app.objective import DELTA, compared_metrics, objective_of, reference
from src.app.open_data import completed
from src.app.outcome import Noted, remark_on
from src.app.paths import absolute
from src.app.resuming import begun, refuse_others, resumed, saved_configuration
from src.app.rules import Request, broken_rules
from src.foundation.errors import UserError
from src.foundation.files import write_atomically, write_json
from src.models.input_statistics import read_statistics
from src.runs import directory
from src.runs.lock import only_trainer
from src.runs.record import read_run, write_record
from src.runs.reuse import claim
from src.runs.starts import begin_start
from src.training.checkpoints import checkpoint_to_resume

CHOSEN_AT_FIRST = ("configuration", "changed", "teacher_differences")
"""What a resumed run, whose teachers are named by their paths, no longer knows."""


def train(invocation: Invocation[TrainConfig]) -> float | None:
    """Train what the configuration describes, from data to test metrics, in a directory of its own.

    Returns:
        the value of ``objective``.
    """
    folder, job = _folder(invocation.config), invocation.job
    config, values = resumed(invocation, folder) or begun(invocation)
    run = assemble(config, values, invocation.overrides, folder, group=_sweep())
    objective, chosen = invocation.config.objective, invocation.config.delta_metrics
    if objective == DELTA:
        metrics = compared_metrics(run.task_configs, chosen)
        reference({name: t.entry for name, t in run.teachers.items()}, metrics)
    with ExitStack() as claims:
        same = claim(Path(config.paths.runs), run.digest, claims) if config.reuse else None
        if same is None and directory.is_first_process():
            claims.enter_context(only_trainer(folder))
        folder = same.path if same else folder
        job.directory = str(folder)
        if same and not same.resumable:
            print(f"already trained: {title(config)} -> {folder}")
            job.outcome, job.objective = "already trained", objective_of(same, objective, chosen)
            return job.objective
        if same:
            config, values = saved_configuration(same, invocation)
            run = assemble(config, values, invocation.overrides, folder, group=_sweep())
        try:
            _train(run, config, values, folder)
        finally:
            if (folder / "run.json").exists() and (status := read_run(folder).record["status"]) != "running":
                job.outcome = status
    job.objective = objective_of(read_run(folder), objective, chosen)
    return job.objective


def _train(run: Assembled, config: TrainConfig, values: dict[str, Any], folder: Path) -> None:
    """Write what is known of a run before it is trained, and train it."""
    assert run.trainer is not None
    earlier = read_run(folder).record if (folder / "run.json").exists() else None
    if earlier:  # which may be of a version that gave all networks ImageNet's
        run.network.set_input_statistics(read_statistics(earlier.get("input"), str(folder)))
    record = describe(config, values, run) | {"directory": absolute(str(folder))}
    checkpoint = checkpoint_to_resume(folder / "checkpoints")
    if earlier:
        refuse_others(earlier, run.dataset, run.teachers)
        record |= {key: earlier[key] for key in CHOSEN_AT_FIRST if key in earlier}
    record = begin_start(record, earlier, checkpoint.epochs if checkpoint else 0)
    if run.trainer.is_global_zero:
        if checkpoint and checkpoint.remark:
            print(checkpoint.remark)
        write_atomically(folder / "config.yaml", yaml.safe_dump(values, sort_keys=False))
        write_record(folder, record, status="running", training=Noted(folder, record).training() | {"ended": None})
        if run.data.label_masks:
            write_json(folder / "labels.json", run.data.label_masks.images())
        teachers = [f"  {name}: {teacher}" for name, teacher in run.teachers.items()]
        networks = [run.network, *(run.distillation.teacher_networks() if run.distillation else [])]
        teachers += [f"  {line}" for line in dict.fromkeys(n.weights_read for n in networks) if line]
        print(f"{title(config)} -> {folder}", *teachers, *filter(None, [remark_on(earlier)]), sep="\n", flush=True)
    fit(run, folder, record, checkpoint.path if checkpoint else None)


def rules(config: TrainConfig, overrides: Sequence[str]) -> list[UserError]:
    """Return an error for every rule between fields that a configuration breaks."""
    resumes = config.resume is not None
    multirun = HydraConfig.initialized() and HydraConfig.get().mode == RunMode.MULTIRUN
    return [] if resumes else broken_rules(Request(config, overrides, multirun))


def _folder(config: TrainConfig) -> Path:
    hydra = HydraConfig.get()
    if config.resume is not None:
        return Path(config.resume)
    return Path(hydra.sweep.dir) / hydra.sweep.subdir if _sweep() else Path(hydra.run.dir)


def _sweep() -> str | None:
    hydra = HydraConfig.get()
    return Path(hydra.sweep.dir).name if hydra.mode == RunMode.MULTIRUN else None


def main() -> None:
    """Run the command line."""
    warnings.filterwarnings("ignore", module="pytorch_lightning|torch.utils.data|torch.optim.lr_scheduler")
    for name in ("pytorch_lightning", "lightning_fabric", "lightning"):
        logging.getLogger(name).setLevel(logging.WARNING)
    directory.start_anew()
    command.run(train, "train", TrainConfig, rules, expand=with_data_tasks, complete=completed)


if __name__ == "__main__":
    main()
