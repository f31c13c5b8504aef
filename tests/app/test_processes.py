"""Runs that are killed, resumed, spread over processes, and logged elsewhere."""

import csv
import signal
import time
from pathlib import Path

import pytest
import torch

from tests.conftest import TINY, Workspace, read_json

DDP = ("trainer=ddp", "trainer.accelerator=cpu")
LONG = [option for option in TINY if "epochs" not in option]


def rows(run: Path) -> list[dict[str, str]]:
    with (run / "metrics.csv").open() as stream:
        return list(csv.DictReader(stream))


def wait_for(condition, seconds: float = 120) -> None:
    end = time.time() + seconds
    while not condition():
        assert time.time() < end, "it did not come"
        time.sleep(0.02)


@pytest.mark.parametrize(("loss_weights", "workers"), [("dwa", 2), pytest.param("gradnorm", 0, marks=pytest.mark.long)])
def test_killed_and_resumed_equals_never_killed(trained: Workspace, loss_weights: str, workers: int) -> None:
    arguments = [
        *LONG,
        "stage=student",
        "trainer.max_epochs=8",
        f"loss_weights={loss_weights}",
        f"dataset.workers={workers}",
        "pictures.count=0",
    ]
    before = set(trained.runs())
    assert trained.run("train", *arguments).code == 0  # as its own process, for the same rounding
    whole = (set(trained.runs()) - before).pop()
    before = set(trained.runs())
    process = trained.start("train", *arguments)
    wait_for(lambda: any((run / "metrics.csv").exists() for run in set(trained.runs()) - before))
    killed = (set(trained.runs()) - before).pop()
    wait_for(lambda: len(rows(killed)) >= 3)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert read_json(killed / "run.json")["status"] == "running"
    result = trained.run("train", f"resume={killed}")
    assert result.code == 0, result.out
    assert read_json(killed / "run.json")["status"] == "finished"
    assert [int(row["epoch"]) for row in rows(killed)] == list(range(8))
    one, two = (torch.load(run / "weights.pt", weights_only=True)["state_dict"] for run in (whole, killed))
    for key, value in one.items():
        torch.testing.assert_close(two[key], value, rtol=0, atol=0, msg=key)
    assert read_json(killed / "run.json")["teachers"] == read_json(whole / "run.json")["teachers"]
    again = trained.call("train", "stage=student", f"resume={killed}")
    assert again.code == 1
    assert "has finished" in again.out


def test_an_interrupted_run_leaves_weights_and_says_how_to_go_on(trained: Workspace) -> None:
    before = set(trained.runs())
    process = trained.start(
        "train", *LONG, "stage=student", "distillation=none", "trainer.max_epochs=500", "pictures.count=0"
    )
    wait_for(lambda: any((run / "metrics.csv").exists() for run in set(trained.runs()) - before))
    process.send_signal(signal.SIGINT)
    out = process.communicate(timeout=60)[0]
    run = (set(trained.runs()) - before).pop()
    assert process.returncode not in (0, None)
    refused = trained.call("train", "stage=student", f"resume={run}", "trainer.max_epochs=3")
    assert refused.code == 1
    assert "trainer.max_epochs=3" in refused.out
    assert f"resume={run}" in out
    assert read_json(run / "run.json")["status"] == "interrupted"
    store = trained.root / "data" / "rooms-32x48"
    assert trained.call("evaluate", f"run={run}", f"store={store}").code == 0


def test_a_damaged_checkpoint_is_named_and_the_way_out_works(workspace: Workspace) -> None:
    run = workspace.train("stage=teacher", "task=depth")
    record = run / "run.json"
    record.write_text(record.read_text().replace('"status": "finished"', '"status": "interrupted"'))
    checkpoint = run / "checkpoints" / "last.ckpt"
    weights = (run / "weights.pt").read_bytes()
    checkpoint.write_bytes(checkpoint.read_bytes()[:2000])
    result = workspace.call("train", f"resume={run}")
    assert result.code == 1
    assert f"rm '{checkpoint}'" in result.out
    assert "Traceback" not in result.out
    assert (run / "weights.pt").read_bytes() == weights
    checkpoint.unlink()
    assert workspace.call("train", f"resume={run}").code == 0


def test_two_runs_that_find_no_data_draw_it_once(workspace: Workspace) -> None:
    many = [option for option in TINY if "source.train" not in option]
    started = [
        workspace.start("train", *many, "dataset.source.train=150", "stage=teacher", "task=depth", f"seed={seed}")
        for seed in (0, 1)
    ]
    out = [process.communicate(timeout=300)[0] for process in started]
    assert [process.returncode for process in started] == [0, 0], out
    assert len(workspace.runs()) == 2


def test_two_processes_give_the_metrics_of_one(trained: Workspace) -> None:
    """An odd test split, so that the two processes see different numbers of images."""
    options = ["dataset.source.test=5", "dataset.root=" + str(trained.root / "data" / "odd")]
    result = trained.run("train", *TINY, *options, *DDP, "stage=student", "distillation=none", "label=ddp")
    assert result.code == 0, result.out
    run = next(r for r in trained.runs() if read_json(r / "run.json").get("label") == "ddp")
    out = trained.root / "one.json"
    one_process = (f"run={run}", f"store={trained.root}/data/odd", f"out={out}", "batch_size=2")
    assert trained.call("evaluate", *one_process).code == 0
    one = read_json(out)["metrics"]
    two = read_json(run / "metrics.json")["metrics"]
    assert one.keys() == two.keys()
    for key, value in one.items():
        assert two[key] == pytest.approx(value, rel=1e-4, abs=1e-6), key


@pytest.mark.parametrize(
    "loss_weights", ["uniform", "mgda", *(pytest.param(name, marks=pytest.mark.long) for name in ("dwa", "gradnorm"))]
)
def test_distillation_trains_on_two_processes(trained: Workspace, loss_weights: str) -> None:
    result = trained.run("train", *TINY, *DDP, "stage=student", f"loss_weights={loss_weights}", "dataset.batch_size=2")
    assert result.code == 0, result.out


@pytest.mark.long
def test_judging_by_the_last_ten_epochs_works_on_two_processes(trained: Workspace) -> None:
    options = ("protocol=mean10", "dataset.batch_size=2", "label=mean of two")
    result = trained.run("train", *TINY, *DDP, "stage=student", "distillation=none", *options)
    assert result.code == 0, result.out
    run = next(r for r in trained.runs() if read_json(r / "run.json").get("label") == "mean of two")
    judged, last = read_json(run / "metrics.json"), rows(run)[-1]
    assert judged["protocol"] == "mean10"
    assert judged["metrics"]["depth/rmse"] == pytest.approx(float(last["val/depth/rmse"]))


@pytest.mark.long
def test_a_sweep_runs_on_spawned_processes(trained: Workspace) -> None:
    """What the message that refuses ddp under a multirun offers."""
    spawn = ["trainer=ddp_spawn", "trainer.accelerator=cpu", "label=spawned"]
    result = trained.run("train", "-m", *TINY, *spawn, "stage=student", "adaptor=mlp", "dataset.batch_size=2")
    assert result.code == 0, result.out
    runs = [read_json(run / "run.json") for run in trained.runs()]
    done = {r["names"]["adaptor"] for r in runs if r["label"] == "spawned" and r["status"] == "finished"}
    assert done == {"mlp"}
