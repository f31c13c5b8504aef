"""Sweeps: a job's mistake is its own, a table tells what became of each, and a sweep that was ended is continued."""

import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

import src.train
from src.runs.lock import only_trainer
from src.training.callbacks.history import History
from tests.conftest import TINY, Workspace, read_json

FEW = [o for o in TINY if not o.startswith(("trainer.max_epochs", "pictures"))] + ["pictures.count=0"]
BASELINE = (*FEW, "stage=student", "distillation=none")


def folders(workspace: Workspace) -> set[Path]:
    return {path for path in (workspace.root / "runs").rglob("*") if path.is_dir()}


def rows(out: str) -> list[list[str]]:
    lines = out.splitlines()
    head = next(i for i, line in enumerate(lines) if line.startswith("job  outcome"))
    return [line.split() for line in lines[head + 1 :] if line[:1].isdigit()]


@pytest.fixture
def in_second_epoch(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], Any]], None]:
    """Let something happen when a run begins its second epoch."""

    def happen(what: Callable[[], Any]) -> None:
        begin = History.on_train_epoch_start

        def begin_and(self: History, trainer: Any, module: Any) -> None:
            begin(self, trainer, module)
            if trainer.current_epoch == 1:
                what()

        monkeypatch.setattr(History, "on_train_epoch_start", begin_and)

    return happen


@pytest.mark.parametrize("batches", [(), ("hydra.sweeper.max_batch_size=1",)], ids=["at once", "in batches"])
def test_a_mistake_ends_its_own_job_alone(trained: Workspace, batches: tuple[str, ...]) -> None:
    before = set(trained.runs())
    settings = [o for o in BASELINE if "batch_size" not in o]
    arguments = (*settings, *batches, "trainer.max_epochs=1", "seed=31", "dataset.batch_size=99,4", "debug=batch")
    result = trained.call("train", "-m", *arguments)
    assert result.code == 1
    (run,) = set(trained.runs()) - before
    assert rows(result.out) == [
        ["1", "failed", "dataset.batch_size=99", "-"],
        ["2", "partial", "dataset.batch_size=4", str(run)],  # of a debug run
    ]
    assert "dataset.batch_size=12" in result.out
    assert "Traceback" not in result.out
    assert "job 2 of 2" in result.out
    assert [job["outcome"] for job in read_json(run.parent / "sweep.json")] == ["failed", "partial"]
    assert {path.name for path in run.parent.iterdir()} == {"1", "sweep.json", "multirun.yaml"}


def test_a_crash_ends_its_own_job_alone(trained: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    fit = src.train.fit

    def crash_at_seed_32(run: Any, folder: Path, record: dict[str, Any], checkpoint: Path | None) -> None:
        if record["seed"] == 32:
            raise ZeroDivisionError("planted")
        fit(run, folder, record, checkpoint)

    monkeypatch.setattr(src.train, "fit", crash_at_seed_32)
    result = trained.call("train", "-m", *BASELINE, "trainer.max_epochs=1", "seed=32,33,34", "debug=batch")
    assert result.code == 1
    assert [row[1] for row in rows(result.out)] == ["failed", "partial", "partial"]
    assert "job 1: ZeroDivisionError: planted" in result.out
    assert "Traceback" in result.out
    assert "job 3 of 3, about" in result.out
    assert " left: seed=34" in result.out


def test_a_sweep_that_was_ended_is_continued(
    workspace: Workspace, in_second_epoch: Callable[[Callable[[], Any]], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ("train", "-m", *BASELINE, "trainer.max_epochs=2", "seed=0,1,2", "reuse=true")
    signals = iter([None, signal.SIGINT])
    in_second_epoch(lambda: (number := next(signals)) and signal.raise_signal(number))
    result = workspace.call(*command)
    monkeypatch.undo()
    assert result.code == 130
    assert [row[1] for row in rows(result.out)] == ["finished", "interrupted", "not"]  # not started
    first, second = workspace.runs()
    assert read_json(second / "run.json")["status"] == "interrupted"
    record = read_json(second / "run.json")
    result = workspace.call(*command)
    assert result.code == 0, result.out
    assert "epoch 1/2" in result.out.partition("job 3")[2]
    assert "epoch 1/2" not in result.out.partition("job 3")[0]  # it goes on with the second
    assert [row[1] for row in rows(result.out)] == ["already", "finished", "finished"]
    assert [row[-1] for row in rows(result.out)][:2] == [str(first), str(second)]
    assert read_json(second / "run.json") | {"status": 0} != record | {"status": 0}
    before = folders(workspace)
    result = workspace.call(*command)
    assert result.code == 0
    assert [row[1] for row in rows(result.out)] == ["already"] * 3
    assert folders(workspace) == before


def test_what_another_process_trains_is_waited_for_and_not_resumed_beside_it(
    workspace: Workspace, in_second_epoch: Callable[[Callable[[], Any]], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ("train", *BASELINE, "trainer.max_epochs=2", "seed=3")
    in_second_epoch(lambda: signal.raise_signal(signal.SIGINT))
    assert workspace.call(*command).code == 130
    monkeypatch.undo()
    (run,) = workspace.runs()
    held, awaited = threading.Event(), threading.Event()

    class Lock(FileLock):
        def acquire(self, *arguments: Any, **options: Any) -> Any:
            if "blocking" not in options:
                awaited.set()
            return super().acquire(*arguments, **options)

    def train_elsewhere() -> None:
        with only_trainer(run):
            held.set()
            awaited.wait(60)

    monkeypatch.setattr("src.foundation.lock.FileLock", Lock)
    other = threading.Thread(target=train_elsewhere)
    other.start()
    held.wait()
    refused = workspace.call("train", f"resume={run}")
    waited = workspace.call(*command, "reuse=true")
    other.join()
    assert refused.code == 1
    assert "is being trained by another process" in refused.out
    assert waited.code == 0, waited.out
    assert f"waiting for another process, by which {run} is being trained" in waited.out
    assert workspace.runs() == [run]
    assert read_json(run / "run.json")["status"] == "finished"


@pytest.mark.parametrize("multirun", [(), ("-m",)], ids=["run", "multirun"])
@pytest.mark.parametrize("others_handler", [False, True], ids=["own handler", "other handler"])
def test_sigterm_is_a_failure_to_a_batch_system(
    workspace: Workspace,
    in_second_epoch: Callable[[Callable[[], Any]], None],
    multirun: tuple[str, ...],
    others_handler: bool,
) -> None:
    """A handler of another, such as submitit's, stays; then Lightning ends at the next step by itself."""
    in_second_epoch(lambda: signal.raise_signal(signal.SIGTERM))
    before = signal.signal(signal.SIGTERM, (lambda *_: None) if others_handler else signal.SIG_DFL)
    try:
        command = ("train", *multirun, *BASELINE, "trainer.max_epochs=9", "seed=0")
        result = workspace.call(*command)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert result.code == 143
    (run,) = workspace.runs()
    assert read_json(run / "run.json")["status"] == "interrupted"
    assert f"resume={run}" in result.out
    if multirun:
        assert [row[1] for row in rows(result.out)] == ["interrupted"]
