"""Runs that are resumed: with loading processes, after a move, from elsewhere, and what their records say."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from src.app.paths import found_again, with_found_weights
from src.foundation.files import write_json
from tests.conftest import TINY, Workspace, read_json

TEACHER = ("stage=teacher", "task=depth", "pictures.count=0", "schedule=constant")
BEST = ("protocol=best", "dataset.validation=holdout", "dataset.holdout=0.3")


def stop(run: Path, epochs: int, status: str = "interrupted") -> None:
    """Make a finished run one that was stopped before the last of ``epochs``."""
    config = yaml.safe_load((run / "config.yaml").read_text())
    config["trainer"]["max_epochs"] = epochs
    (run / "config.yaml").write_text(yaml.safe_dump(config))
    record = read_json(run / "run.json")
    record["starts"][-1]["status"] = status
    write_json(run / "run.json", record | {"status": status})
    (run / "metrics.json").unlink()


def resume(workspace: Workspace, run: Path | str, *options: str) -> dict[str, Any]:
    result = workspace.call("train", f"resume={run}", *options)
    assert result.code == 0, result.out
    return read_json(Path(run) / "run.json")


def weights(run: Path) -> dict[str, torch.Tensor]:
    return torch.load(run / "weights.pt", weights_only=True)["state_dict"]


@pytest.fixture
def at_home(tmp_path: Path, captured: Callable[[], str], monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A workspace whose folders are named relatively to the current directory."""
    (tmp_path / "home").mkdir()
    monkeypatch.chdir(tmp_path / "home")
    return Workspace(Path(), captured)


@pytest.mark.parametrize("options", [(), BEST], ids=["last", "best"])
def test_a_run_with_loading_processes_goes_on_as_if_it_had_not_stopped(
    trained: Workspace, options: tuple[str, ...]
) -> None:
    loading = (*TEACHER, *options, "dataset.workers=1", "dataset.batch_size=2")
    whole = trained.train(*loading, "trainer.max_epochs=3")
    stopped = trained.train(*loading, "trainer.max_epochs=2")
    stop(stopped, 3)
    resume(trained, stopped)
    expected = weights(whole)
    assert all(torch.equal(value, expected[key]) for key, value in weights(stopped).items())


def test_a_moved_run_keeps_its_best_epoch(trained: Workspace, tmp_path: Path) -> None:
    run = trained.train(*TEACHER, *BEST)
    checkpoint = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)
    state = next(state for key, state in checkpoint["callbacks"].items() if "val/score" in key)
    unreachable = torch.tensor(1e9)
    state |= {"best_model_score": unreachable, "kth_value": unreachable, "best_k_models": {"best.ckpt": unreachable}}
    torch.save(checkpoint, run / "checkpoints" / "last.ckpt")
    stop(run, 2)
    moved = tmp_path / "moved"
    run.rename(moved)
    best = (moved / "checkpoints" / "best.ckpt").read_bytes()
    resume(trained, moved)
    assert (moved / "checkpoints" / "best.ckpt").read_bytes() == best


def test_a_damaged_checkpoint_costs_an_epoch_and_both_cost_a_message(trained: Workspace) -> None:
    whole = trained.train(*TEACHER, "trainer.max_epochs=3")
    run = trained.train(*TEACHER, "trainer.max_epochs=2")
    stop(run, 3)
    last = run / "checkpoints" / "last.ckpt"
    last.write_bytes(last.read_bytes()[:3000])
    result = trained.call("train", f"resume={run}")
    assert result.code == 0, result.out
    (line,) = [line for line in result.out.splitlines() if "last.ckpt" in line]
    assert "epoch 2 is trained again" in line
    assert read_json(run / "run.json")["starts"][-1]["from_epoch"] == 1
    expected = weights(whole)
    assert all(torch.equal(value, expected[key]) for key, value in weights(run).items())
    stop(run, 4)
    before = (run / "run.json").read_bytes()
    for file in (last, run / "checkpoints" / "previous.ckpt"):
        file.write_bytes(b"")
    result = trained.call("train", f"resume={run}")
    assert result.code == 1
    assert "rm '" in result.out
    assert "Traceback" not in result.out
    assert (run / "run.json").read_bytes() == before


def test_damaged_weights_are_told_wherever_they_are_read(trained: Workspace, tmp_path: Path) -> None:
    teacher = next(r for r in trained.runs() if read_json(r / "run.json").get("task") == "depth")
    for name in ("weights.pt", "checkpoints/last.ckpt"):
        copy = tmp_path / name.replace("/", "-")
        shutil.copytree(teacher, copy)
        data = bytearray((copy / name).read_bytes())
        middle = len(data) // 2
        data[middle : middle + 64] = os.urandom(64)
        (copy / name).write_bytes(data)
        commands = [("train", *TINY, "stage=student", f"teacher.depth={copy / name}")]
        if name == "weights.pt":
            commands += [("export", f"run={copy}"), ("evaluate", f"run={copy}", f"store={trained.root}/data")]
        for command in commands:
            result = trained.call(*command)
            assert result.code == 1, command
            assert f"{copy / name} cannot be read" in result.out
            assert "Traceback" not in result.out


def test_a_record_tells_of_every_start(trained: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    run = trained.train(*TEACHER)
    first = read_json(run / "run.json")
    assert [start["from_epoch"] for start in first["starts"]] == [0]
    stop(run, 2, status="running")  # as a kill leaves it
    record = read_json(run / "run.json")
    record["starts"][0] |= {"seconds": None, "ended": None, "git": "0" * 40, "command": "an older command"}
    write_json(run / "run.json", record | {"git": "0" * 40, "command": "an older command"})
    monkeypatch.chdir(tmp_path)
    second = resume(trained, run)
    stop(run, 3)
    third = resume(trained, run)
    starts = third["starts"]
    assert [start["status"] for start in starts] == ["killed", "interrupted", "finished"]
    assert [start["from_epoch"] for start in starts] == [0, 1, 2]
    assert starts[0]["seconds"] is None
    assert third["seconds"] == pytest.approx(second["seconds"] + starts[2]["seconds"], abs=0.11)
    assert third["started"] == starts[0]["started"] == first["started"] < starts[1]["started"] < starts[2]["ended"]
    assert third["git"] == starts[0]["git"] == "0" * 40 != starts[1]["git"]
    assert third["command"] == "an older command"
    assert f"resume={run}" in starts[1]["command"]
    assert starts[1]["cwd"] == str(tmp_path)
    assert {"python", "machine", "versions"} <= starts[2].keys()


def test_a_run_is_resumed_from_another_directory_and_after_a_move(
    at_home: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All folders are typed relatively, a teacher's too; then all runs are moved, and the data after them."""
    home = Path.cwd()
    teacher = at_home.train(*TEACHER)
    student = at_home.train("stage=student", "tasks=[depth]", f"teacher.depth={teacher}", "hydra.job.chdir=true")
    assert student.is_relative_to("runs")
    stop(student, 2)
    elsewhere = home.parent / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    record = resume(at_home, Path("..", "home", student))
    assert record["teachers"]["depth"] == str(home / teacher)
    assert not list(elsewhere.iterdir())
    stop(home / student, 3)
    (home / "runs").rename(elsewhere / "moved")
    run = elsewhere / "moved" / student.relative_to("runs")
    record = resume(at_home, run)
    assert record["teachers"]["depth"] == str(elsewhere / "moved" / teacher.relative_to("runs"))
    assert record["directory"] == str(run)
    stop(run, 4)
    (home / "data").rename(elsewhere / "stores")
    record = resume(at_home, run, "paths.data=stores", "hydra.job.chdir=true")
    assert [start["from_epoch"] for start in record["starts"]] == [0, 1, 2, 3]
    assert sorted(path.name for path in elsewhere.iterdir()) == ["moved", "stores"]


def test_other_data_or_another_teacher_than_the_runs_own_is_refused(at_home: Workspace) -> None:
    teacher = at_home.train(*TEACHER)
    student = at_home.train("stage=student", "tasks=[depth]", f"teacher.depth={teacher}")
    stop(student, 2)
    record = read_json(teacher / "run.json")
    write_json(teacher / "run.json", record | {"digest": "another"})
    result = at_home.call("train", f"resume={student}")
    assert result.code == 1
    assert "the teacher of depth is not the one" in result.out
    write_json(teacher / "run.json", record)
    mine = read_json(student / "run.json")
    mine["dataset"]["content"] = "another"
    write_json(student / "run.json", mine)
    result = at_home.call("train", f"resume={student}")
    assert result.code == 1
    assert "data are not those" in result.out


def test_weights_that_a_network_starts_from_are_found_where_the_run_began(tmp_path: Path) -> None:
    (tmp_path / "weights.pth").touch()
    record = {"cwd": str(tmp_path), "directory": str(tmp_path / "runs" / "x")}
    find = found_again(record, tmp_path / "runs" / "x", {})
    built = with_found_weights({"model": {"weights": "weights.pth"}}, record, find)
    assert built["model"]["weights"] == str(tmp_path / "weights.pth")
    for other in ("hub", None):
        assert with_found_weights({"model": {"weights": other}}, record, find)["model"]["weights"] == other
