"""From an assembled run to its weights, its metrics and a record of how it ended."""

import statistics
import time
from pathlib import Path
from typing import Any

from pytorch_lightning.utilities.exceptions import SIGTERMException

from src.app.assemble import Assembled
from src.app.describe import metadata
from src.app.ending import TERMINATED
from src.foundation.files import write_json
from src.runs.network_file import save_network
from src.runs.record import end_start, write_record
from src.training.history import read_history
from src.training.protocol import evaluate_by_protocol
from src.training.trackers.base import Status, finish_trackers

Record = dict[str, Any]


def fit(run: Assembled, folder: Path, record: Record, checkpoint: Path | None = None) -> None:
    """Train, from ``checkpoint`` on, evaluate and write weights, metrics and the record with its final status."""
    trainer, module, data = run.trainer, run.module, run.data
    assert trainer is not None
    started = time.perf_counter()
    status: Status = "failed"
    try:
        trainer.fit(module, data, ckpt_path=str(checkpoint) if checkpoint else None, weights_only=True)
        results = evaluate_by_protocol(trainer, module, data, record["protocol"], folder)
        status = "finished"
    except (KeyboardInterrupt, SystemExit) as end:
        status = "interrupted"
        if isinstance(end, SIGTERMException):  # whose status is 0
            raise SystemExit(TERMINATED) from end
        if isinstance(end.__context__, KeyboardInterrupt):  # which Lightning makes an exit with status 1
            raise KeyboardInterrupt from end
        raise
    except Exception as error:
        error.add_note("If it is in a part of your own: python -m src.check GROUP=NAME says what does not hold.")
        raise
    finally:
        finish_trackers(trainer.loggers if trainer.is_global_zero else [], status)
        if trainer.is_global_zero and status != "finished":
            _leave_usable(run, folder, end_start(record, status, time.perf_counter() - started))
    if not trainer.is_global_zero:
        return
    save_network(folder / "weights.pt", module.network, metadata(record))
    write_json(folder / "metrics.json", {"protocol": record["protocol"], "split": "test", "metrics": results})
    speeds = [float(row["images_per_second"]) for row in read_history(folder / "metrics.csv")]
    record = end_start(record, status, time.perf_counter() - started)
    write_record(folder, record, images_per_second=round(statistics.median(speeds), 1))
    told = "  ".join(f"{key} {results[key]:.4g}" for key in record["primary_metrics"])
    print(f"finished in {record['seconds']:.0f} s: {told}", flush=True)


def _leave_usable(run: Assembled, folder: Path, record: Record) -> None:
    """Write the weights and the record of a run that did not finish, and the command that continues it."""
    assert run.trainer is not None
    if run.trainer.global_step > 0:  # else this process has neither trained nor restored, and may hide better weights
        save_network(folder / "weights.pt", run.module.network, metadata(record))
    write_record(folder, record)
    epoch = run.trainer.current_epoch + 1
    print(f"{record['status']} in epoch {epoch}; go on with: python -m src.train resume={folder}", flush=True)
