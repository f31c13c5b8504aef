"""Runs that are killed again and again end with the weights of one that was left alone: `make test-kills`."""

import random
import signal
import time
from pathlib import Path

import pytest
import torch

from tests.app.test_processes import DDP, LONG, rows, wait_for
from tests.conftest import Workspace, read_json

EPOCHS, KILLS = 24, 8
BEST = ("protocol=best", "dataset.validation=holdout", "dataset.holdout=0.3")
RUNS = {
    "one worker": ("stage=teacher", "task=depth", "dataset.workers=1"),
    "two workers, the best epoch": ("stage=student", "dataset.workers=2", "dataset.batch_size=2", *BEST),
    "two processes with a worker each": ("stage=student", "dataset.workers=1", "dataset.batch_size=2", *DDP),
}

pytestmark = pytest.mark.long


@pytest.mark.parametrize("options", RUNS.values(), ids=RUNS)
def test_a_run_that_was_killed_often_equals_one_that_was_not(trained: Workspace, options: tuple[str, ...]) -> None:
    arguments = [*LONG, *options, f"trainer.max_epochs={EPOCHS}", "pictures.count=0"]
    arguments = [a for a in arguments if not (a == "dataset.batch_size=4" and "dataset.batch_size=2" in options)]
    before = set(trained.runs())
    assert trained.run("train", *arguments).code == 0
    whole = (set(trained.runs()) - before).pop()
    before = set(trained.runs())
    draw = random.Random(0)
    killed: Path | None = None
    for _ in range(KILLS):
        process = trained.start("train", *([f"resume={killed}"] if killed else arguments))
        if killed is None:
            wait_for(lambda: any((run / "metrics.csv").exists() for run in set(trained.runs()) - before))
            killed = (set(trained.runs()) - before).pop()
        else:
            starts = len(read_json(killed / "run.json")["starts"])
            run, done = killed, len(rows(killed))
            wait_for(lambda run=run, n=starts: len(read_json(run / "run.json")["starts"]) > n)
            wait_for(lambda run=run, n=done: len(rows(run)) > n or read_json(run / "run.json")["status"] == "finished")
        time.sleep(draw.uniform(0, 0.3))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        if read_json(killed / "run.json")["status"] == "finished":
            break
    assert killed is not None
    if read_json(killed / "run.json")["status"] != "finished":
        result = trained.run("train", f"resume={killed}")
        assert result.code == 0, result.out
    starts = read_json(killed / "run.json")["starts"]
    print(f"{len(starts) - 1} kills, resumed from epochs {[start['from_epoch'] for start in starts[1:]]}")
    expected = torch.load(whole / "weights.pt", weights_only=True)["state_dict"]
    found = torch.load(killed / "weights.pt", weights_only=True)["state_dict"]
    assert [key for key, value in expected.items() if not torch.equal(value, found[key])] == []
    measured = {"images_per_second"}
    kept = [[{k: v for k, v in row.items() if k not in measured} for row in rows(run)] for run in (whole, killed)]
    assert kept[0] == kept[1]
    assert read_json(whole / "metrics.json") == read_json(killed / "metrics.json")
