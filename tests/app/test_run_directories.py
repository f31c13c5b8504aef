"""A run directory holds the command as it was typed; a command that trains nothing leaves none behind."""

import shlex
from pathlib import Path

from tests.conftest import TINY, Workspace, read_json

BASELINE = ("stage=student", "distillation=none", "pictures.count=0", "seed=11")


def folders(workspace: Workspace) -> set[Path]:
    return {path for path in (workspace.root / "runs").rglob("*") if path.is_dir()}


def test_what_was_trained_already_makes_no_folder(trained: Workspace) -> None:
    run = trained.train(*BASELINE)
    command = shlex.split(read_json(run / "run.json")["command"])
    assert set(BASELINE) | set(TINY) <= set(command)  # as it was typed, quoted where the shell needs it
    before = folders(trained)
    result = trained.call("train", *TINY, *BASELINE, "reuse=true")
    assert result.code == 0
    assert "already trained" in result.out
    assert folders(trained) == before


def test_what_is_refused_while_it_is_built_makes_no_folder(trained: Workspace) -> None:
    before = folders(trained)
    aggregator = ("loss_weights=mgda", "loss_weights.aggregator={_target_: PCD}")
    result = trained.call("train", *TINY, *BASELINE, *aggregator)
    assert result.code == 1
    assert "could not be saved" in result.out
    assert folders(trained) == before
