"""A run is recorded as what it is: whole, ended early, interrupted, diverged or failed."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytorch_lightning as pl
import torch

import src.training.base
import src.training.trainer
from src.app.outcome import Noted
from src.tasks.scalar import Scalar
from src.training.callbacks.whole_epochs import WholeEpochs
from src.training.finiteness import FiniteWatch
from tests.conftest import TINY, Workspace, read_json
from tests.reporting.written_runs import write_run

DEPTH = ("stage=teacher", "task=depth", "pictures.count=0")
BEST = ("protocol=best", "dataset.validation=holdout")
ALL_LEFT_OUT = {"train": 2, "validation": 1, "test": 1}


def started(workspace: Workspace, *options: str) -> tuple[int, str, Path]:
    """Train, however it ends: status, output and run directory."""
    before = set(workspace.runs())
    replaced = {option.split("=")[0] for option in options}
    result = workspace.call("train", *(o for o in TINY if o.split("=")[0] not in replaced), *DEPTH, *options)
    (run,) = set(workspace.runs()) - before
    return result.code, result.out, run


def training(run: Path) -> dict[str, Any]:
    return read_json(run / "run.json")["training"]


def finite(path: Path, key: str) -> bool:
    values = torch.load(path, weights_only=True)[key].values()
    return all(bool(value.isfinite().all()) for value in values if isinstance(value, torch.Tensor))


def test_a_whole_run_is_finished(trained: Workspace) -> None:
    code, out, run = started(trained, "trainer.limit_val_batches=1.0", "trainer.limit_test_batches=99")
    assert code == 0
    assert "finished in" in out
    assert read_json(run / "run.json")["status"] == "finished"
    whole = {"epochs": 1, "planned_epochs": 1, "steps": 3, "left_out": {}, "ended": "all epochs"}
    assert training(run) == whole
    refused = trained.call("train", f"resume={run}")
    assert refused.code == 1
    assert "nothing left to resume" in refused.out


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("trainer.max_steps=4", "trainer.max_epochs=3"), {"epochs": 1, "steps": 4, "ended": "max_steps"}),
        (("trainer.max_steps=1", "trainer.max_epochs=3", *BEST), {"epochs": 0, "steps": 1, "ended": "max_steps"}),
        (("trainer.max_steps=4", "trainer.max_epochs=3", "protocol=mean10"), {"epochs": 1, "ended": "max_steps"}),
        (("trainer.fast_dev_run=true", "trainer.max_epochs=3"), {"left_out": ALL_LEFT_OUT, "ended": "fast_dev_run"}),
        (("trainer.fast_dev_run=true", "protocol=mean10"), {"left_out": ALL_LEFT_OUT, "ended": "fast_dev_run"}),
        (("trainer.fast_dev_run=2", *BEST), {"left_out": {}, "ended": "fast_dev_run"}),
        (("trainer.overfit_batches=2",), {"left_out": {"train": 1}, "ended": "all epochs"}),
        (("trainer.limit_train_batches=0.5",), {"left_out": {"train": 2}, "steps": 1, "ended": "all epochs"}),
        (("trainer.limit_val_batches=0", *BEST), {"left_out": {"validation": 1}, "ended": "all epochs"}),
        (("trainer.limit_val_batches=0", "protocol=mean10"), {"left_out": {"validation": 2}, "ended": "all epochs"}),
        (("trainer.limit_test_batches=0",), {"left_out": {"test": 2}, "ended": "all epochs"}),
        (("debug=batch",), {"left_out": ALL_LEFT_OUT, "ended": "all epochs"}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_run_that_is_not_whole_is_partial(
    trained: Workspace, options: tuple[str, ...], expected: dict[str, Any]
) -> None:
    code, out, run = started(trained, *options)
    assert code == 0, out
    assert "finished" not in out
    assert read_json(run / "run.json")["status"] == "partial"
    assert training(run).items() >= expected.items()
    assert f"after {training(run)['epochs']} of {training(run)['planned_epochs']} epochs" in out
    assert finite(run / "weights.pt", "state_dict")
    unevaluated = {"trainer.limit_test_batches=0"} & {*options} or {
        "trainer.limit_val_batches=0",
        "protocol=mean10",
    } <= {*options}
    metrics = read_json(run / "metrics.json")
    assert bool(metrics["metrics"]) != bool(unevaluated)
    assert metrics["protocol"] == ("mean10" if "protocol=mean10" in options else "last")  # no epoch was selected
    refused = trained.call("train", f"resume={run}")  # all of these would end again at once
    assert refused.code == 1
    assert "start a new run" in refused.out


def test_a_share_of_less_than_a_batch_is_refused_before_training(trained: Workspace) -> None:
    code, out, run = started(trained, "trainer.limit_test_batches=0.1")
    assert code == 1
    assert "trainer.limit_test_batches=1" in out
    assert not (run / "checkpoints").exists()


class Stop(pl.Callback):
    """Ends training within the second epoch, as a limit of time would, or by itself."""

    def __init__(self, by_time: bool) -> None:
        self.by_time, self.stopped_epoch = by_time, 0

    def on_train_batch_end(self, trainer: pl.Trainer, module: pl.LightningModule, *args: object) -> None:
        if trainer.global_step == 3:
            trainer.should_stop = True
            self.stopped_epoch = 0 if self.by_time else 1
            for limit in trainer.callbacks if self.by_time else []:  # type: ignore[attr-defined]
                if hasattr(limit, "reached"):
                    limit._duration = 0.0


@pytest.mark.parametrize("by_time", [True, False], ids=["max_time", "a callback"])
def test_a_run_that_was_stopped_goes_on_to_what_it_would_have_been(
    trained: Workspace, monkeypatch: pytest.MonkeyPatch, by_time: bool
) -> None:
    options = ("trainer.max_epochs=3", "trainer.max_time=00:01:00:00", *BEST)
    _, _, whole = started(trained, *options)
    build = src.training.trainer.build_callbacks
    with monkeypatch.context() as patch:
        callbacks = lambda *args: [*build(*args), Stop(by_time)]  # noqa: E731
        patch.setattr("src.app.assemble.build_callbacks", callbacks)
        code, out, run = started(trained, *options)
    reason = "max_time" if by_time else "stopped by Stop"
    assert code == 0
    assert f"ended early ({reason}) after 1 of 3 epochs" in out
    assert f"resume={run}" in out
    assert training(run).items() >= {"epochs": 1, "steps": 3, "ended": reason}.items()
    assert trained.call("train", f"resume={run}").code == 0
    assert read_json(run / "run.json")["status"] == "finished"
    assert training(run) == training(whole)
    one, two = (torch.load(each / "weights.pt", weights_only=True)["state_dict"] for each in (whole, run))
    assert all(torch.equal(value, two[key]) for key, value in one.items())


def test_a_limit_of_time_counts_from_each_start(trained: Workspace) -> None:
    """Lightning's own would count what earlier starts took, and end a resumed run at once."""
    _, _, run = started(trained, "trainer.max_epochs=2", "trainer.max_steps=3", "trainer.max_time=00:00:01:00")
    config, record = run / "config.yaml", run / "run.json"
    config.write_text(config.read_text().replace("max_steps: 3", "max_steps: -1"))
    checkpoint = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)
    (timer,) = [state for name, state in checkpoint["callbacks"].items() if "TimeLimit" in name]
    timer["time_elapsed"]["train"] = 3600.0
    torch.save(checkpoint, run / "checkpoints" / "last.ckpt")
    assert trained.call("train", f"resume={run}").code == 0
    assert read_json(record)["status"] == "finished"


def test_an_interrupt_and_an_error_are_recorded(trained: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    for error, status, ended in (
        (KeyboardInterrupt(), "interrupted", "interrupted"),
        (MemoryError("full"), "failed", "MemoryError"),
    ):
        with monkeypatch.context() as patch:
            raised = partial(WholeEpochs.on_train_epoch_end)

            def stop(self: Any, trainer: pl.Trainer, module: Any, raised=raised, error=error) -> None:
                raised(self, trainer, module)
                if trainer.current_epoch == 1:
                    raise error

            patch.setattr(WholeEpochs, "on_train_epoch_end", stop)
            before = set(trained.runs())
            try:
                assert trained.call("train", *TINY, *DEPTH, "trainer.max_epochs=3").code != 0
            except MemoryError:
                assert status == "failed"
            (run,) = set(trained.runs()) - before
        assert read_json(run / "run.json")["status"] == status
        assert training(run).items() >= {"epochs": 2, "planned_epochs": 3, "steps": 6, "ended": ended}.items()
        assert trained.call("train", f"resume={run}").code == 0
        assert read_json(run / "run.json")["status"] == "finished"
        assert training(run)["epochs"] == 3


@pytest.mark.parametrize("lags", [False, True], ids=["at once", "later"])
def test_a_run_that_diverged_keeps_its_last_good_weights(
    trained: Workspace, monkeypatch: pytest.MonkeyPatch, lags: bool
) -> None:
    monkeypatch.setattr(src.training.base, "FiniteWatch", partial(FiniteWatch, lags=lags))
    right, count = Scalar.loss, [0]

    def loss(self: Scalar, raw: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        count[0] += 1
        return right(self, raw, target) * (torch.nan if count[0] == 5 else 1.0)

    with monkeypatch.context() as patch:
        patch.setattr(Scalar, "loss", loss)
        code, out, run = started(trained, "trainer.max_epochs=3", *BEST)
    assert code == 1
    assert "the loss of depth is NaN in epoch 2, step 5" in out or "the loss of depth is NaN in epoch 3" in out
    assert "rooms-32x48" in out
    assert "Traceback" not in out
    record = read_json(run / "run.json")
    assert record["status"] == record["training"]["ended"] == "diverged"
    assert "the loss of depth is NaN" in record["error"]
    epochs = record["training"]["epochs"]
    last = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)
    assert last["epoch"] == epochs - 1
    handed_on = torch.load(run / "weights.pt", weights_only=True)["state_dict"]
    assert all(torch.equal(value, last["state_dict"][f"network.{key}"]) for key, value in handed_on.items())
    assert finite(run / "weights.pt", "state_dict")
    assert finite(run / "checkpoints" / "best.ckpt", "state_dict")
    assert not (run / "metrics.json").exists()
    resumed = trained.call("train", f"resume={run}")
    assert resumed.code == 0
    assert "diverged" in resumed.out
    assert training(run)["epochs"] == 3


def test_a_metric_without_a_value_is_null_and_told(workspace: Workspace) -> None:
    workspace.train(*DEPTH)
    store = workspace.root / "data" / "rooms-32x48"
    labels = np.load(store / "test" / "depth.npy", mmap_mode="r+")
    labels[:] = 0
    labels.flush()
    code, out, run = started(workspace)
    assert code == 0, out
    text = (run / "metrics.json").read_text()
    assert "NaN" not in text
    assert read_json(run / "metrics.json")["metrics"]["depth/absolute_error"] is None
    assert "no value" in out
    assert workspace.call("evaluate", f"run={run}", f"store={store}", f"out={run}/again.json").code == 0
    assert read_json(run / "again.json")["metrics"]["depth/rmse"] is None


def test_what_was_noted_survives_in_another_process(tmp_path: Path) -> None:
    """Spawned processes note into the same record, which the first one reads."""
    run = write_run(tmp_path, "run", {})
    record = read_json(run / "run.json")
    Noted(run, record)({"epochs": 2, "steps": 9})
    Noted(run, record)({"ended": "diverged"}, ValueError("why"))
    assert Noted(run, record).training() == {
        "epochs": 2, "planned_epochs": record["epochs"], "steps": 9, "left_out": {}, "ended": "diverged",
    }  # fmt: skip
    assert Noted(run, record).error() == "why"


def test_all_processes_end_at_the_same_step(trained: Workspace) -> None:
    options = ("trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=2", "dataset.batch_size=2", "label=diverged")
    result = trained.run("train", *TINY, *DEPTH, "optimiser.lr=1e30", *options)
    assert result.code == 1
    assert result.out.count("training has diverged: the loss of depth is") == 1
    assert "Traceback" not in result.out
    (run,) = [run for run in trained.runs() if read_json(run / "run.json")["label"] == "diverged"]
    assert read_json(run / "run.json")["status"] == "diverged"
