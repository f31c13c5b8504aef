"""From an assembled run to its weights, its metrics and a record of how it ended."""

import math
import statistics
import time
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.utilities.exceptions import SIGTERMException

from src.app.assemble import Assembled
from src.app.describe import metadata
from src.app.outcome import Noted, Record, closing_line, leave_usable, status_after, status_of, without_value
from src.app.termination import TERMINATED
from src.foundation.files import write_json
from src.runs.network_file import save_network
from src.runs.record import write_record
from src.runs.starts import end_start
from src.training.callbacks.extent import Extent, name_of
from src.training.finiteness import DivergenceError
from src.training.history import read_history
from src.training.protocol import evaluate_by_protocol
from src.training.trackers.base import Status, finish_trackers


def fit(run: Assembled, folder: Path, record: Record, checkpoint: Path | None = None) -> None:
    """Train, from ``checkpoint`` on, evaluate and write weights, metrics and the record with its final status."""
    trainer, noted = run.trainer, Noted(folder, record)
    assert trainer is not None
    trainer.callbacks.insert(0, Extent(noted, record["epochs"]))  # type: ignore[attr-defined]
    if trainer.is_global_zero:
        for name in ("metrics.json", "classes.json"):
            (folder / name).unlink(missing_ok=True)  # of a partial run, which goes on
    started = time.perf_counter()
    status: Status = "failed"
    try:
        results = _trained_and_evaluated(run, trainer, noted, checkpoint)
        status = status_of(noted.training(), record)
    except DivergenceError:
        status = _leave(run, trainer, noted, "diverged", started)
        trainer.strategy.barrier()  # a process that ended before the first has written would take it along
        if not trainer.is_global_zero:
            raise SystemExit(1) from None  # the first process has said why
        raise
    except BaseException as error:
        diverged = noted.training()["ended"] == "diverged"
        status = _leave(run, trainer, noted, "diverged" if diverged else name_of(error), started)
        if diverged:  # in a process that was spawned, whose errors arrive as text
            raise DivergenceError(noted.error() or "training has diverged") from None
        if isinstance(error, SIGTERMException):  # whose status is 0
            raise SystemExit(TERMINATED) from error
        if isinstance(error, SystemExit) and isinstance(error.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from error  # which Lightning makes an exit with status 1
        if isinstance(error, Exception):
            error.add_note("If it is in a part of your own: python -m src.check GROUP=NAME says what does not hold.")
        raise
    finally:
        finish_trackers(trainer.loggers if trainer.is_global_zero else [], status)
    if trainer.is_global_zero:
        _write(run, noted, results, time.perf_counter() - started)


def _trained_and_evaluated(
    run: Assembled, trainer: pl.Trainer, noted: Noted, checkpoint: Path | None
) -> dict[str, float]:
    """Train from ``checkpoint`` on, where there is one, and return the test metrics."""
    folder, record = noted.folder, noted.record
    trainer.fit(run.module, run.data, ckpt_path=str(checkpoint) if checkpoint else None, weights_only=True)
    whole = trainer.strategy.broadcast(status_of(noted.training(), record) == "finished")
    return evaluate_by_protocol(trainer, run.module, run.data, record["protocol"], folder, whole)


def _leave(run: Assembled, trainer: pl.Trainer, noted: Noted, ended: str, started: float) -> Status:
    """Write what is left of a run that did not end by itself; returns its status."""
    status = status_after(ended)
    if trainer.is_global_zero:
        record = end_start(noted.record, status, time.perf_counter() - started)
        leave_usable(run, noted.folder, record, noted.training() | {"ended": ended})
    return status


def _write(run: Assembled, noted: Noted, results: dict[str, float], seconds: float) -> None:
    """Write weights, metrics and record of a run that ended without an error, and say how it ended."""
    folder, training = noted.folder, noted.training()
    metrics: dict[str, Any] = {key: value if math.isfinite(value) else None for key, value in results.items()}
    record = end_start(noted.record, status_of(training, noted.record), seconds)
    save_network(folder / "weights.pt", run.module.network, metadata(record))
    selected = record["protocol"] != "best" or (folder / "checkpoints" / "best.ckpt").exists()
    protocol = record["protocol"] if selected else "last"
    write_json(folder / "metrics.json", {"protocol": protocol, "split": "test", "metrics": metrics})
    speeds = [float(row["images_per_second"]) for row in read_history(folder / "metrics.csv")]
    speed = round(statistics.median(speeds), 1) if speeds else None
    write_record(folder, record, training=training, images_per_second=speed)
    if missing := without_value(metrics):
        print(missing)
    print(closing_line(training, record, record["seconds"], metrics), flush=True)
    if training["ended"] == "max_time" or training["ended"].startswith("stopped"):
        print(f"go on with: python -m src.train resume={folder}", flush=True)
