"""Train a teacher or a student: python -m src.train stage=teacher task=depth."""

import logging
import time
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from src import cli
from src.build import build_data, build_stage, build_trainer, check_store, task_configs
from src.callbacks.history import History
from src.data.module import DenseDataModule
from src.errors import UserError
from src.files import write_atomically, write_json
from src.protocol import check_protocol, judge
from src.runs import directory
from src.runs.describe import content_mark, dataset_identity, describe, handed_on, title
from src.runs.record import Run, find_runs, fingerprint, read_run, write_record
from src.runs.teachers import check_same_data, find_teachers
from src.runs.weights import build_tasks, save_weights
from src.stages.base import DenseStage
from src.values import check_values

Config = dict[str, Any]


def train(composed: DictConfig) -> None:
    """Run the stage that the config describes, from data to judged metrics, in a directory of its own."""
    hydra = HydraConfig.get()
    multirun = hydra.mode == RunMode.MULTIRUN
    folder = Path(hydra.sweep.dir) / hydra.sweep.subdir if multirun else Path(hydra.run.dir)
    check_values(composed, "train", hydra.overrides.task)
    config = _config_of_run(composed, folder)
    check_protocol(config)
    if multirun:
        _refuse_launched_processes(config["trainer"])
    mark = fingerprint(config)
    if config["reuse"] and (done := _finished(Path(config["paths"]["runs"]), mark)):
        print(f"already trained: {title(config)} -> {done.path}")
        return
    tasks = build_tasks(task_configs(config))
    check_store(config)
    teachers = _teachers(config, tasks, hydra.overrides.task)
    data = build_data(config, tasks)
    check_same_data(teachers, content_mark(data.store.manifest), hydra.overrides.task)
    stage = build_stage(config, tasks, teachers)
    trainer = build_trainer(config, folder)
    about = describe(config, data, stage, teachers, mark)
    if trainer.is_global_zero:
        write_atomically(folder / "config.yaml", OmegaConf.to_yaml(config))
        write_record(folder, about, status="running")
        print(f"{title(config)} -> {folder}", flush=True)
    _fit(trainer, stage, data, folder, about)


def _config_of_run(composed: DictConfig, folder: Path) -> Config:
    """Resolve the config; a resumed run keeps the one it started with."""
    if composed.resume is None:
        return OmegaConf.to_container(composed, resolve=True, throw_on_missing=True)  # type: ignore[return-value]
    saved = folder / "config.yaml"
    if not saved.exists():
        raise UserError(f"there is no run to resume in {folder}", "it holds no config.yaml")
    run = read_run(folder)
    if run and run.finished:
        raise UserError(f"{folder} has finished", "there is nothing left to resume")
    config: Any = OmegaConf.to_container(OmegaConf.load(saved))
    return config | {"resume": str(folder)}


def _fit(trainer: pl.Trainer, stage: DenseStage, data: DenseDataModule, folder: Path, about: Config) -> None:
    """Train, judge and write what is handed on; say in the record how it ended."""
    last = folder / "checkpoints" / "last.ckpt"
    started = time.perf_counter()
    status = "failed"
    try:
        trainer.fit(stage, data, ckpt_path=str(last) if last.exists() else None, weights_only=True)
        status = "trained"
    except (KeyboardInterrupt, SystemExit):
        status = "interrupted"
        raise
    finally:
        if trainer.is_global_zero and status != "trained":
            save_weights(folder / "weights.pt", stage.network, handed_on(about))
            write_record(folder, about, status=status)
            again = f"python -m src.train stage={about['stage']} resume={folder}"
            print(f"{status} in epoch {trainer.current_epoch + 1}; go on with: {again}", flush=True)
    history = next(c for c in _callbacks(trainer) if isinstance(c, History))
    results = judge(trainer, stage, data, about["protocol"], history.rows)
    if not trainer.is_global_zero:
        return
    save_weights(folder / "weights.pt", stage.network, handed_on(about))
    write_json(folder / "metrics.json", {"protocol": about["protocol"], "split": "test", "metrics": results})
    seconds, speed = round(time.perf_counter() - started, 1), round(history.images_per_second, 1)
    write_record(folder, about, status="finished", seconds=seconds, images_per_second=speed)
    print(f"finished in {seconds:.0f} s: " + "  ".join(f"{k} {results[k]:.4g}" for k in about["headlines"]), flush=True)


def _callbacks(trainer: pl.Trainer) -> list[pl.Callback]:
    return trainer.callbacks  # type: ignore[attr-defined, no-any-return]


def _teachers(config: Config, tasks: Iterable[str], overrides: list[str]) -> dict[str, Run]:
    if config["stage"]["name"] != "student" or not config["distillation"]["levels"]:
        return {}
    wanted = {"dataset": dataset_identity(config), "model": config["model"], "seed": config["seed"]}
    return find_teachers(Path(config["paths"]["runs"]), dict.fromkeys(tasks, wanted), config["teachers"], overrides)


def _finished(root: Path, mark: str) -> Run | None:
    return next((run for run in find_runs(root) if run.finished and run.about.get("fingerprint") == mark), None)


def _refuse_launched_processes(trainer: Config) -> None:
    """Lightning starts further ranks with the parent's command line, where a sweep may draw other values."""
    strategy, devices = str(trainer["strategy"]), trainer["devices"]
    launched = not any(word in strategy for word in ("spawn", "fork", "notebook", "auto"))
    if launched and devices not in (1, "1"):
        raise UserError(
            f"strategy {strategy} with {devices} devices does not work under a multirun",
            "the processes it launches compose their config anew and could train different jobs",
            "use trainer=ddp_spawn, or trainer.devices=1 per job, or start each job by itself without -m",
        )


def main() -> None:
    """Run the command line."""
    warnings.filterwarnings("ignore", module="pytorch_lightning|torch.utils.data|torch.optim.lr_scheduler")
    for name in ("pytorch_lightning", "lightning_fabric", "lightning"):
        logging.getLogger(name).setLevel(logging.WARNING)
    directory.start_anew()
    cli.run(train, "train")


if __name__ == "__main__":
    main()
