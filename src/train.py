"""Train a teacher or a student: python -m src.train stage=teacher task=depth."""

import logging
import statistics
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode

from src.app import command
from src.app.assemble import Assembled, assemble
from src.app.command import Invocation
from src.app.configuration.train import TrainConfig
from src.app.describe import describe, metadata, title
from src.app.rules import Request, broken_rules
from src.distillation.base import REGIMES
from src.foundation.errors import UserError
from src.foundation.files import write_atomically, write_json
from src.runs import directory
from src.runs.network_file import save_network
from src.runs.record import Run, find_runs, read_run, write_record
from src.training.history import read_history
from src.training.protocol import evaluate_by_protocol

Record = dict[str, Any]


def train(invocation: Invocation[TrainConfig]) -> None:
    """Train what the configuration describes, from data to test metrics, in a directory of its own."""
    folder = _folder()
    config, values = _resumed(invocation, folder) or (invocation.config, invocation.values)
    run = assemble(config, values, invocation.overrides, folder)
    assert run.trainer is not None
    if config.reuse and (done := _finished(Path(config.paths.runs), run.digest)):
        print(f"already trained: {title(config)} -> {done.path}")
        return
    record = describe(config, values, run, invocation.overrides)
    if earlier := read_run(folder):
        record["values"] = earlier.record.get("values", [])  # those of the command that began the run
    if run.trainer.is_global_zero:
        write_atomically(folder / "config.yaml", yaml.safe_dump(values, sort_keys=False))
        write_record(folder, record, status="running")
        if run.data.label_masks:
            write_json(folder / "labels.json", run.data.label_masks.images())
        teachers = [f"  {name}: {teacher}" for name, teacher in run.teachers.items()]
        print(f"{title(config)} -> {folder}", *teachers, sep="\n", flush=True)
    _fit(run, folder, record)


def rules(config: TrainConfig, overrides: Sequence[str]) -> list[UserError]:
    """Return an error for every rule between fields that a configuration breaks."""
    resumes = config.resume is not None
    multirun = HydraConfig.initialized() and HydraConfig.get().mode == RunMode.MULTIRUN
    return [] if resumes else broken_rules(Request(config, overrides, multirun))


def _folder() -> Path:
    hydra = HydraConfig.get()
    multirun = hydra.mode == RunMode.MULTIRUN
    return Path(hydra.sweep.dir) / hydra.sweep.subdir if multirun else Path(hydra.run.dir)


def _resumed(invocation: Invocation[TrainConfig], folder: Path) -> tuple[TrainConfig, dict[str, Any]] | None:
    """Read the configuration that a resumed run keeps, its teachers included; None for a new run."""
    again = invocation.config.resume is None and directory.restarted() and (folder / "config.yaml").exists()
    if invocation.config.resume is None and not again:
        return None
    run, saved = read_run(folder), folder / "config.yaml"
    if run is None or not saved.exists():
        raise UserError(f"there is no run to resume in {folder}", "it holds no run.json and config.yaml")
    if run.finished:
        raise UserError(f"{folder} has finished", "there is nothing left to resume")
    kept = ("resume=", "stage=", "paths.", "extensions=")
    others = [override for override in invocation.overrides if not override.startswith(kept)]
    if others and not again:
        raise UserError(
            f"a resumed run keeps its settings, so {', '.join(others)} cannot be set", mend="start a new run"
        )
    try:
        values: Any = yaml.safe_load(saved.read_text())
    except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
        raise UserError(
            f"{saved} cannot be read", f"{type(error).__name__}: {error}".split("\n")[0], "begin anew"
        ) from error
    if not isinstance(values, dict) or "probe" not in values:
        raise UserError(f"{folder} was begun by an older version", "its config lacks what is needed now", "begin anew")
    values |= {"resume": str(folder), "reuse": False, "extensions": invocation.config.extensions}
    config = command.read_checked(TrainConfig, values, [], None)
    if config.stage.name == "student" and REGIMES.traits(config.distillation).needs_trained_teachers:
        # the value of ``teacher`` that finds exactly the run's own teachers
        values["teacher"] = {"model": None, "size": None, "seed": None} | dict.fromkeys(config.tasks, "none")
        values["teacher"] |= run.record["teachers"]
        config = command.read_checked(TrainConfig, values, [], None)
    return config, values


def _fit(run: Assembled, folder: Path, record: Record) -> None:
    """Train, evaluate and write weights, metrics and the record with its final status."""
    trainer, module, data = run.trainer, run.module, run.data
    assert trainer is not None
    last = folder / "checkpoints" / "last.ckpt"
    started = time.perf_counter()
    status = "failed"
    try:
        trainer.fit(module, data, ckpt_path=str(last) if last.exists() else None, weights_only=True)
        results = evaluate_by_protocol(trainer, module, data, record["protocol"], folder)
        status = "finished"
    except (KeyboardInterrupt, SystemExit):
        status = "interrupted"
        raise
    except Exception as error:
        error.add_note("If it is in a part of your own: python -m src.check GROUP=NAME says what does not hold.")
        raise
    finally:
        if trainer.is_global_zero and status != "finished":
            _leave_usable(run, folder, record, status)
    if not trainer.is_global_zero:
        return
    save_network(folder / "weights.pt", module.network, metadata(record))
    write_json(folder / "metrics.json", {"protocol": record["protocol"], "split": "test", "metrics": results})
    speeds = [float(row["images_per_second"]) for row in read_history(folder / "metrics.csv")]
    seconds, speed = round(time.perf_counter() - started, 1), round(statistics.median(speeds), 1)
    write_record(folder, record, status="finished", seconds=seconds, images_per_second=speed)
    told = "  ".join(f"{key} {results[key]:.4g}" for key in record["primary_metrics"])
    print(f"finished in {seconds:.0f} s: {told}", flush=True)


def _leave_usable(run: Assembled, folder: Path, record: Record, status: str) -> None:
    """Write the weights and the record of a run that did not finish, and the command that continues it."""
    assert run.trainer is not None
    if run.trainer.global_step > 0:  # else this process has neither trained nor restored, and may hide better weights
        save_network(folder / "weights.pt", run.module.network, metadata(record))
    write_record(folder, record, status=status)
    epoch = run.trainer.current_epoch + 1
    print(f"{status} in epoch {epoch}; go on with: python -m src.train resume={folder}", flush=True)


def _finished(root: Path, digest: str) -> Run | None:
    return next((run for run in find_runs(root) if run.finished and run.record.get("digest") == digest), None)


def main() -> None:
    """Run the command line."""
    warnings.filterwarnings("ignore", module="pytorch_lightning|torch.utils.data|torch.optim.lr_scheduler")
    for name in ("pytorch_lightning", "lightning_fabric", "lightning"):
        logging.getLogger(name).setLevel(logging.WARNING)
    directory.start_anew()
    command.run(train, "train", TrainConfig, rules)


if __name__ == "__main__":
    main()
