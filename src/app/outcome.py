"""How a run ended: in its record, in one line, and the weights that it leaves."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from src.app.assemble import Assembled
from src.app.describe import metadata
from src.foundation.errors import UserError
from src.runs.network_file import save_network
from src.runs.record import Run, read_run, write_record
from src.training.callbacks.extent import ALL_EPOCHS
from src.training.checkpoints import AtomicCheckpoints
from src.training.finiteness import DivergenceError
from src.training.trackers.base import Status

Record = dict[str, Any]


@dataclass(frozen=True)
class Noted:
    """Notes what becomes known of a run's extent in its record on disk, where other processes may have noted before."""

    folder: Path
    record: Mapping[str, Any]

    def __call__(self, training: Mapping[str, Any], error: BaseException | None = None) -> None:
        """Note the entries of ``training``, and the error that ends the run."""
        known = self.training()
        if error is not None and known["ended"] == "diverged":
            return  # the error of a process that was spawned, in its parent
        more = {} if error is None else {"error": str(error) or type(error).__name__}
        write_record(self.folder, self.record, status="running", training=known | dict(training), **more)

    def training(self) -> Record:
        """Return what is known so far."""
        nothing = {"epochs": 0, "planned_epochs": self.record["epochs"], "steps": 0, "left_out": {}, "ended": None}
        return nothing | dict(self._earlier().get("training") or {})

    def error(self) -> str | None:
        """Return the message of the error that has ended the run."""
        return self._earlier().get("error")

    def _earlier(self) -> Mapping[str, Any]:
        return read_run(self.folder).record if (self.folder / "run.json").exists() else {}


def refuse_to_resume(run: Run, max_steps: int) -> None:
    """Raise UserError for a run that ended by limits which would end it again at once, or has no checkpoint."""
    training = run.record.get("training") or {}
    if run.record.get("status") != "partial":
        return
    anew = "a resumed run keeps its settings: start a new run"
    if training.get("ended") == "fast_dev_run":
        raise UserError(f"{run.path} was a trial run", "trainer.fast_dev_run leaves no checkpoint", anew)
    if training.get("ended") == ALL_EPOCHS:
        why = "there is nothing left to resume, though limits left batches out"
        raise UserError(f"{run.path} has trained all its epochs", why, anew)
    if 0 < max_steps <= training.get("steps", 0):
        why = f"it has taken all of trainer.max_steps={max_steps} steps, in {training['epochs']} whole epochs"
        raise UserError(f"{run.path} has nothing left to resume", why, f"{anew} with trainer.max_steps=-1")


def remark_on(record: Mapping[str, Any] | None) -> str:
    """Say what a run that is resumed came to before, where it is likely to come to it again; else nothing."""
    if record is None or record.get("status") != "diverged":
        return ""
    epochs = (record.get("training") or {}).get("epochs", 0)
    start = f"from the weights of epoch {epochs}" if epochs else "from its beginning"
    return f"this run has diverged before; it goes on {start}, and with the same settings most likely to the same end"


def status_of(training: Mapping[str, Any], record: Mapping[str, Any]) -> Status:
    """Return ``finished`` for a run of all epochs on all batches, else ``partial``."""
    whole = training["ended"] == ALL_EPOCHS and not training["left_out"] and record["debug"] is None
    return "finished" if whole else "partial"


def status_after(ended: str) -> Status:
    """Return the status of a run that an error or an interrupt ended."""
    ends: dict[str, Status] = {"diverged": "diverged", "interrupted": "interrupted"}
    return ends.get(ended, "failed")


def closing_line(training: Mapping[str, Any], record: Mapping[str, Any], seconds: float, results: Any) -> str:
    """Describe a run that ended without an error: its extent, its primary metrics and what has no value."""
    keys = record["primary_metrics"]
    told = "  ".join(f"{key} {results[key]:.4g}" if results.get(key) is not None else f"{key} -" for key in keys)
    if status_of(training, record) == "finished":
        return f"finished in {seconds:.0f} s: {told}"
    missing = [f"{count} {split}" for split, count in training["left_out"].items()]
    left_out = f", without {', '.join(missing)} batches" if missing else ""
    how = "of a debug run" if record["debug"] else "batches were left out"
    how = f"partial ({how})" if training["ended"] == ALL_EPOCHS else f"ended early ({training['ended']})"
    epochs = f"{training['epochs']} of {training['planned_epochs']} epochs"
    return f"{how} after {epochs}{left_out}, in {seconds:.0f} s: {told}"


def without_value(results: Mapping[str, float | None]) -> str:
    """Say which metrics have no value; nothing where all have."""
    keys = [key for key, value in results.items() if value is None]
    why = "no pixel of the test split is valid there, or the predictions are not finite"
    return f"no value, null in metrics.json: {', '.join(keys)}; {why}" if keys else ""


def leave_usable(run: Assembled, folder: Path, record: Record, training: Mapping[str, Any]) -> None:
    """Write the weights and the record of a run that an error or an interrupt ended, and how it can go on."""
    assert run.trainer is not None
    status = status_after(training["ended"])
    # else this process has neither trained nor restored, and may hide better weights
    if status == "diverged" or run.trainer.global_step > 0:
        _save_good_weights(run, folder, record, last_epoch=status == "diverged")
    noted = {key: value for key, value in [("error", Noted(folder, record).error())] if value}
    write_record(folder, record, status=status, training=dict(training), **noted)
    epochs = training["epochs"]
    kept = f"; the weights of epoch {epochs} are kept" if status == "diverged" and epochs else ""
    how = f"go on with: python -m src.train resume={folder}"
    if status == "diverged":
        how = f"resume={folder} would go on from there, and most likely diverge again" if epochs else "nothing is kept"
    print(f"{status} in epoch {epochs + 1}{kept}; {how}", flush=True)


def _save_good_weights(run: Assembled, folder: Path, record: Record, last_epoch: bool) -> None:
    """Write weights.pt: the present weights, or those of the last whole epoch; nothing where they are not finite."""
    network, last = run.module.network, folder / "checkpoints" / "last.ckpt"
    try:
        if last_epoch:
            raise DivergenceError("the present weights are not those to keep")
        save_network(folder / "weights.pt", network, metadata(record))
    except UserError:
        if last.exists():
            state, prefix = AtomicCheckpoints().load_checkpoint(last, map_location="cpu")["state_dict"], "network."
            kept = {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
            network.load_state_dict(kept)
            save_network(folder / "weights.pt", network, metadata(record))
