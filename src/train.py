"""Train a teacher or a student: python -m src.train stage=teacher task=depth."""

import logging
import warnings
from collections.abc import Sequence
from pathlib import Path

import yaml
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode

from src.app import command
from src.app.assemble import assemble
from src.app.command import Invocation
from src.app.configuration.train import TrainConfig
from src.app.describe import describe, title
from src.app.fitting import fit
from src.app.outcome import Noted, remark_on
from src.app.resuming import resumed
from src.app.rules import Request, broken_rules
from src.foundation.errors import UserError
from src.foundation.files import write_atomically, write_json
from src.runs import directory
from src.runs.record import Run, find_runs, read_run, write_record


def train(invocation: Invocation[TrainConfig]) -> None:
    """Train what the configuration describes, from data to test metrics, in a directory of its own."""
    folder = _folder()
    config, values = resumed(invocation, folder) or (invocation.config, invocation.values)
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
        write_record(folder, record, status="running", training=Noted(folder, record).training() | {"ended": None})
        if run.data.label_masks:
            write_json(folder / "labels.json", run.data.label_masks.images())
        teachers = [f"  {name}: {teacher}" for name, teacher in run.teachers.items()]
        print(f"{title(config)} -> {folder}", *teachers, *filter(None, [remark_on(earlier)]), sep="\n", flush=True)
    fit(run, folder, record)


def rules(config: TrainConfig, overrides: Sequence[str]) -> list[UserError]:
    """Return an error for every rule between fields that a configuration breaks."""
    resumes = config.resume is not None
    multirun = HydraConfig.initialized() and HydraConfig.get().mode == RunMode.MULTIRUN
    return [] if resumes else broken_rules(Request(config, overrides, multirun))


def _folder() -> Path:
    hydra = HydraConfig.get()
    multirun = hydra.mode == RunMode.MULTIRUN
    return Path(hydra.sweep.dir) / hydra.sweep.subdir if multirun else Path(hydra.run.dir)


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
