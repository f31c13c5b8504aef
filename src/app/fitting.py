"""From an assembled run to its weights, its metrics and a record of how it ended."""

import math
import statistics
import time
from pathlib import Path
from typing import Any

import pytorch_lightning as pl

from src.app.assemble import Assembled
from src.app.describe import metadata
from src.app.outcome import Noted, Record, closing_line, leave_usable, status_of, without_value
from src.foundation.files import write_json
from src.runs.network_file import save_network
from src.runs.record import write_record
from src.training.callbacks.extent import Extent, name_of
from src.training.finiteness import DivergenceError
from src.training.history import read_history
from src.training.protocol import evaluate_by_protocol


def fit(run: Assembled, folder: Path, record: Record) -> None:
    """Train, evaluate and write weights, metrics and the record with its final status."""
    trainer, noted = run.trainer, Noted(folder, record)
    assert trainer is not None
    trainer.callbacks.insert(0, Extent(noted, record["epochs"]))  # type: ignore[attr-defined]
    if trainer.is_global_zero:
        (folder / "metrics.json").unlink(missing_ok=True)  # of a partial run, which goes on
    started = time.perf_counter()
    try:
        results = _trained_and_evaluated(run, trainer, noted)
    except DivergenceError:
        _leave(run, trainer, noted, "diverged")
        trainer.strategy.barrier()  # a process that ended before the first has written would take it along
        if not trainer.is_global_zero:
            raise SystemExit(1) from None  # the first process has said why
        raise
    except BaseException as error:
        diverged = noted.training()["ended"] == "diverged"
        _leave(run, trainer, noted, "diverged" if diverged else name_of(error))
        if diverged:  # in a process that was spawned, whose errors arrive as text
            raise DivergenceError(noted.error() or "training has diverged") from None
        if isinstance(error, Exception):
            error.add_note("If it is in a part of your own: python -m src.check GROUP=NAME says what does not hold.")
        raise
    if trainer.is_global_zero:
        _write(run, noted, results, time.perf_counter() - started)


def _trained_and_evaluated(run: Assembled, trainer: pl.Trainer, noted: Noted) -> dict[str, float]:
    """Train from the last checkpoint on, where there is one, and return the test metrics."""
    folder, record = noted.folder, noted.record
    last = folder / "checkpoints" / "last.ckpt"
    trainer.fit(run.module, run.data, ckpt_path=str(last) if last.exists() else None, weights_only=True)
    whole = trainer.strategy.broadcast(status_of(noted.training(), record) == "finished")
    return evaluate_by_protocol(trainer, run.module, run.data, record["protocol"], folder, whole)


def _leave(run: Assembled, trainer: pl.Trainer, noted: Noted, ended: str) -> None:
    if trainer.is_global_zero:
        leave_usable(run, noted.folder, dict(noted.record), noted.training() | {"ended": ended})


def _write(run: Assembled, noted: Noted, results: dict[str, float], seconds: float) -> None:
    """Write weights, metrics and record of a run that ended without an error, and say how it ended."""
    folder, record, training = noted.folder, noted.record, noted.training()
    metrics: dict[str, Any] = {key: value if math.isfinite(value) else None for key, value in results.items()}
    save_network(folder / "weights.pt", run.module.network, metadata(record))
    selected = record["protocol"] != "best" or (folder / "checkpoints" / "best.ckpt").exists()
    protocol = record["protocol"] if selected else "last"
    write_json(folder / "metrics.json", {"protocol": protocol, "split": "test", "metrics": metrics})
    speeds = [float(row["images_per_second"]) for row in read_history(folder / "metrics.csv")]
    speed = round(statistics.median(speeds), 1) if speeds else None
    status, seconds = status_of(training, record), round(seconds, 1)
    write_record(folder, record, status=status, training=training, seconds=seconds, images_per_second=speed)
    if missing := without_value(metrics):
        print(missing)
    print(closing_line(training, record, seconds, metrics), flush=True)
    if training["ended"] == "max_time" or training["ended"].startswith("stopped"):
        print(f"go on with: python -m src.train resume={folder}", flush=True)
