"""Train a teacher or a student: python -m src.train stage=teacher task=depth."""

import logging
import statistics
import time
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from src import cli
from src.build import build_data, build_stage, task_configs
from src.callbacks.history import read_history
from src.data.module import DenseDataModule
from src.distillation.build import regime
from src.errors import UserError
from src.files import write_atomically, write_json
from src.protocol import check_protocol, judge
from src.runs import directory
from src.runs.describe import dataset_identity, describe, handed_on, supervision, title
from src.runs.processes import refuse_changing_graph, refuse_launched_processes
from src.runs.record import Run, find_runs, fingerprint, read_run, write_record
from src.runs.teacher import Teacher
from src.runs.teachers import find_teachers
from src.runs.trainer import build_trainer
from src.runs.weights import build_tasks, save_weights
from src.stages.base import DenseStage
from src.values import require_at_least_one

Config = dict[str, Any]


def train(composed: DictConfig) -> None:
    """Run the stage that the config describes, from data to judged metrics, in a directory of its own."""
    hydra = HydraConfig.get()
    overrides = list(hydra.overrides.task)
    multirun = hydra.mode == RunMode.MULTIRUN
    folder = Path(hydra.sweep.dir) / hydra.sweep.subdir if multirun else Path(hydra.run.dir)
    config = _config_of_run(composed, folder, overrides)
    check_protocol(config)
    require_at_least_one(**{"trainer.max_epochs": config["trainer"]["max_epochs"]})
    if multirun:
        refuse_launched_processes(config["trainer"])
    kind = regime(config) if config["stage"]["name"] == "student" else "none"
    refuse_changing_graph(config["trainer"], kind, config["labels"])
    tasks = build_tasks(task_configs(config))
    data = build_data(config, tasks)
    dataset = dataset_identity(config, data.store.manifest)
    teachers = _teachers(config, tasks, dataset, overrides)
    mark = fingerprint(config, dataset["content"], {name: teacher.mark for name, teacher in teachers.items()})
    if config["reuse"] and (done := _finished(Path(config["paths"]["runs"]), mark)):
        print(f"already trained: {title(config)} -> {done.path}")
        return
    stage = build_stage(config, tasks, teachers)
    trainer = build_trainer(config, folder)
    about = describe(config, data, stage, teachers, mark, overrides)
    if resumed := read_run(folder):
        about["values"] = resumed.about.get("values", [])  # those of the command that began the run
    if trainer.is_global_zero:
        write_atomically(folder / "config.yaml", OmegaConf.to_yaml(config))
        write_record(folder, about, status="running")
        if data.kept:
            write_json(folder / "labels.json", data.kept.images())
        taught = [f"  {name}: {teacher}" for name, teacher in teachers.items()]
        print(f"{title(config)} -> {folder}", *taught, sep="\n", flush=True)
    _fit(trainer, stage, data, folder, about)


def _config_of_run(composed: DictConfig, folder: Path, overrides: Sequence[str]) -> Config:
    """Resolve the config; a resumed run keeps the one it started with, its teachers included."""
    again = composed.resume is None and directory.restarted() and (folder / "config.yaml").exists()
    if composed.resume is None and not again:
        return OmegaConf.to_container(composed, resolve=True, throw_on_missing=True)  # type: ignore[return-value]
    run, saved = read_run(folder), folder / "config.yaml"
    if run is None or not saved.exists():
        raise UserError(f"there is no run to resume in {folder}", "it holds no run.json and config.yaml")
    if run.finished:
        raise UserError(f"{folder} has finished", "there is nothing left to resume")
    others = [o for o in overrides if not o.startswith(("resume=", "stage=", "paths."))]
    if others and not again:
        raise UserError(
            f"a resumed run keeps its settings, so {', '.join(others)} cannot be set", mend="start a new run"
        )
    config: Any = OmegaConf.to_container(OmegaConf.load(saved))
    if "teacher_cache" not in config:
        raise UserError(f"{folder} was begun by an older version", "its config lacks what is needed now", "begin anew")
    return config | {"resume": str(folder), "reuse": False, "teacher": _said_again(config, run)}


def _fit(trainer: pl.Trainer, stage: DenseStage, data: DenseDataModule, folder: Path, about: Config) -> None:
    """Train, judge and write what is handed on; say in the record how it ended."""
    last = folder / "checkpoints" / "last.ckpt"
    started = time.perf_counter()
    status = "failed"
    try:
        trainer.fit(stage, data, ckpt_path=str(last) if last.exists() else None, weights_only=True)
        results = judge(trainer, stage, data, about["protocol"], folder)
        status = "finished"
    except (KeyboardInterrupt, SystemExit):
        status = "interrupted"
        raise
    finally:
        if trainer.is_global_zero and status != "finished":
            _leave_usable(trainer, stage, folder, about, status)
    if not trainer.is_global_zero:
        return
    save_weights(folder / "weights.pt", stage.network, handed_on(about))
    write_json(folder / "metrics.json", {"protocol": about["protocol"], "split": "test", "metrics": results})
    speeds = [float(row["images_per_second"]) for row in read_history(folder / "metrics.csv")]
    seconds, speed = round(time.perf_counter() - started, 1), round(statistics.median(speeds), 1)
    write_record(folder, about, status="finished", seconds=seconds, images_per_second=speed)
    print(f"finished in {seconds:.0f} s: " + "  ".join(f"{k} {results[k]:.4g}" for k in about["headlines"]), flush=True)


def _leave_usable(trainer: pl.Trainer, stage: DenseStage, folder: Path, about: Config, status: str) -> None:
    if trainer.global_step > 0:  # else this process has neither trained nor restored, and may hide better weights
        save_weights(folder / "weights.pt", stage.network, handed_on(about))
    write_record(folder, about, status=status)
    print(f"{status} in epoch {trainer.current_epoch + 1}; go on with: python -m src.train resume={folder}", flush=True)


def _teachers(config: Config, tasks: Iterable[str], dataset: Config, overrides: Sequence[str]) -> dict[str, Teacher]:
    if config["stage"]["name"] != "student" or regime(config) != "offline":
        return {}
    student = {"dataset": dataset, **supervision(config)} | {key: config[key] for key in ("model", "seed")}
    if config["names"]["debug"] is None:
        student["debug"] = None  # what a debug run has trained is no teacher
    return find_teachers(Path(config["paths"]["runs"]), list(tasks), student, config["teacher"], overrides)


def _said_again(config: Config, run: Run) -> dict[str, Any]:
    """What ``teacher`` must say for a resumed run to find exactly the teachers that it had."""
    left_out = dict.fromkeys(config["tasks"], "none") if regime(config) == "offline" else {}
    return left_out | run.about["teachers"]


def _finished(root: Path, mark: str) -> Run | None:
    return next((run for run in find_runs(root) if run.finished and run.about.get("fingerprint") == mark), None)


def main() -> None:
    """Run the command line."""
    warnings.filterwarnings("ignore", module="pytorch_lightning|torch.utils.data|torch.optim.lr_scheduler")
    for name in ("pytorch_lightning", "lightning_fabric", "lightning"):
        logging.getLogger(name).setLevel(logging.WARNING)
    directory.start_anew()
    cli.run(train, "train")


if __name__ == "__main__":
    main()
