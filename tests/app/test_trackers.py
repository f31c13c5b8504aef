"""Trackers, by real runs without a network: what each is told, how it is finished, and that a resumed run goes on."""

import importlib.util
import itertools
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from src.training.callbacks.history import History
from tests.conftest import TINY, Workspace, read_json

TEACHER = ("stage=teacher", "task=depth", "trainer.max_epochs=2", "trainer.log_every_n_steps=1")
SETTINGS = [o for o in TINY if "max_epochs" not in o]
BLOCK = 32768
PLACES = ("WANDB_SILENT", "WANDB_CACHE_DIR", "WANDB_CONFIG_DIR", "WANDB_DATA_DIR", "WANDB_MODE", "TRACKIO_DIR")
LOGGED = {"train/loss/depth_step", "train/loss/depth_epoch", "val/depth/rmse", "test/depth/rmse"}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's home, where nothing may be written."""
    for name in PLACES:
        monkeypatch.setenv(name, "")  # so that what is set is undone
        monkeypatch.delenv(name)
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def interrupted_in_second_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    begin = History.on_train_epoch_start

    def interrupt(self: History, trainer: Any, module: Any) -> None:
        begin(self, trainer, module)
        if trainer.current_epoch == 1:
            monkeypatch.setattr(History, "on_train_epoch_start", begin)
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(History, "on_train_epoch_start", interrupt)


def records(file: Path) -> Iterator[Any]:
    """Read the records of W&B's file: LevelDB's log format behind a header of 7 bytes."""
    from wandb.proto.wandb_internal_pb2 import Record

    data, at, parts = file.read_bytes(), 7, b""
    while at + 7 <= len(data):
        if BLOCK - at % BLOCK < 7:
            at += BLOCK - at % BLOCK
            continue
        length, kind = int.from_bytes(data[at + 4 : at + 6], "little"), data[at + 6]
        parts += data[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):  # whole, or the last part
            record = Record()
            record.ParseFromString(parts)
            parts = b""
            yield record


def wandb_run(file: Path) -> dict[str, Any]:
    """Summarise a run of W&B: id, group, keys of configuration and history, pictures and exit code."""
    found = list(records(file))
    runs = [r.run for r in found if r.HasField("run")]
    settings = [*(u for run in runs for u in run.config.update)]
    settings += [u for r in found if r.HasField("config") for u in r.config.update]
    history = [item for r in found if r.HasField("history") for item in r.history.item]
    return {
        "id": runs[0].run_id,
        "group": runs[0].run_group,
        "name": runs[0].display_name,
        "config": {u.key or u.nested_key[0]: u.value_json for u in settings},
        "history": {item.key or "/".join(item.nested_key) for item in history},
        "exits": [r.exit.exit_code for r in found if r.HasField("exit")],
    }


def test_wandb_has_a_run_for_each_job_finished_with_it(workspace: Workspace, home: Path) -> None:
    pytest.importorskip("wandb")
    result = workspace.call("train", "-m", *SETTINGS, *TEACHER, "seed=0,1", "logger=[csv,wandb]", "label=mine")
    assert result.code == 0, result.out
    files = [next((run / "wandb").glob("offline-run-*/*.wandb")) for run in workspace.runs()]
    first, second = map(wandb_run, files)
    assert first["id"] != second["id"]
    for number, run in enumerate((first, second)):
        assert run["exits"] == [0]
        assert run["group"] == workspace.runs()[0].parent.name
        assert run["name"] == "mine"
        assert run["config"]["seed"] == str(number)
        assert LOGGED | {"panels/count"} <= run["history"]
    assert list(home.iterdir()) == []


def test_a_resumed_run_goes_on_at_wandb(workspace: Workspace, home: Path, interrupted_in_second_epoch: None) -> None:
    pytest.importorskip("wandb")
    assert workspace.call("train", *SETTINGS, *TEACHER, "logger=wandb").code == 130
    (run,) = workspace.runs()
    assert workspace.call("train", f"resume={run}").code == 0
    begun, ended = (wandb_run(file) for file in sorted((run / "wandb").glob("offline-run-*/*.wandb")))
    assert begun["id"] == ended["id"]
    assert (begun["exits"], ended["exits"]) == ([130], [0])


def test_tensorboard_and_another_at_once(workspace: Workspace, home: Path, interrupted_in_second_epoch: None) -> None:
    pytest.importorskip("tensorboard", reason="the extra tensorboard is not installed")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    assert workspace.call("train", *SETTINGS, *TEACHER, "logger=[tensorboard,csv]").code == 130
    (run,) = workspace.runs()
    assert workspace.call("train", f"resume={run}").code == 0
    events = EventAccumulator(str(run / "tensorboard"))
    events.Reload()
    assert set(events.Tags()["scalars"]) >= LOGGED
    assert {event.step for event in events.Scalars("train/loss/depth_step")} == set(range(6))  # three in an epoch
    assert [tag.split("/")[0] for tag in events.Tags()["images"]] == ["panels"]
    states = [e.tensor_proto.string_val[0] for e in events.Tensors("status/text_summary")]
    assert states == [b"interrupted", b"finished"]
    assert "seed: 0" in (run / "tensorboard" / "hparams.yaml").read_text()
    assert list(home.iterdir()) == []


def test_mlflow_keeps_all_runs_in_one_place(
    workspace: Workspace, home: Path, interrupted_in_second_epoch: None
) -> None:
    pytest.importorskip("mlflow", reason="the extra mlflow is not installed")
    from mlflow.tracking import MlflowClient

    states = []
    for arguments in ((*SETTINGS, *TEACHER, "logger=mlflow"), ("resume=RUN",)):
        given = [a.replace("RUN", str(next(iter(workspace.runs()), ""))) for a in arguments]
        workspace.call("train", *given)
        client = MlflowClient(f"sqlite:///{workspace.root}/runs/mlflow/mlflow.db")
        (project,) = [e for e in client.search_experiments() if e.name == "mtl-distillation"]
        (run,) = client.search_runs([project.experiment_id])
        states.append(run.info.status)
    assert states == ["KILLED", "FINISHED"]
    assert run.data.params["trainer/max_epochs"] == "2"
    assert set(run.data.metrics) >= LOGGED
    assert {m.step for m in client.get_metric_history(run.info.run_id, "train/loss/depth_step")} == set(range(6))
    assert [f.path for f in client.list_artifacts(run.info.run_id, "panels")] == ["panels/epoch_002"]
    assert list(home.iterdir()) == []


def test_trackio_keeps_all_runs_in_one_place(
    workspace: Workspace, home: Path, interrupted_in_second_epoch: None
) -> None:
    if importlib.util.find_spec("trackio") is None:  # it chooses its folder when it is imported
        pytest.skip("the extra trackio is not installed")
    assert workspace.call("train", *SETTINGS, *TEACHER, "logger=trackio").code == 130
    (run,) = workspace.runs()
    assert workspace.call("train", f"resume={run}").code == 0
    from trackio.sqlite_storage import SQLiteStorage

    name = read_json(run / "trackers.json")["trackio"]
    assert SQLiteStorage.get_runs("mtl-distillation") == [name]
    logged = SQLiteStorage.get_logs("mtl-distillation", name)
    keys = set(itertools.chain.from_iterable(logged))
    assert keys >= {*LOGGED, "panels/0", "status/interrupted", "status/finished"}
    assert (workspace.root / "runs" / "trackio" / "mtl-distillation.db").exists()
    assert list(home.iterdir()) == []


@pytest.mark.parametrize("tracker", ["tensorboard", "wandb", "mlflow", "trackio"])
def test_a_missing_package_is_named_before_anything_is_trained(
    trained: Workspace, monkeypatch: pytest.MonkeyPatch, tracker: str
) -> None:
    monkeypatch.setitem(sys.modules, tracker, None)
    before = trained.runs()
    result = trained.call("train", *TINY, "stage=teacher", "task=depth", f"logger=[csv,{tracker}]", "seed=77")
    assert result.code == 1
    assert f"pip install --editable '.[{tracker}]'" in result.out
    assert trained.runs() == before


def test_the_options_of_one_of_several_trackers_are_its_own(trained: Workspace) -> None:
    command = ("train", *TINY, "stage=teacher", "task=depth", "logger=[csv,wandb]")
    result = trained.call(*command, "logger.wandb.ofline=true", "logger.csv.project=mine")
    assert result.code == 1
    assert "there is no key logger.wandb.ofline" in result.out
    assert "there is no key logger.csv.project" in result.out
    assert "logger=wadnb is unknown" in trained.call("train", *TINY, "stage=teacher", "logger=[csv,wadnb]").out
