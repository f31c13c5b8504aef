"""The last two checkpoints are kept, and a damaged one costs one epoch."""

from pathlib import Path
from typing import Any

import pytest
import torch

from src.foundation.errors import UserError
from src.training.checkpoints import AtomicCheckpoints, MovableCheckpoint, checkpoint_to_resume


def content(epoch: int) -> dict[str, Any]:
    return {"epoch": epoch, "state_dict": {"w": torch.full((64,), float(epoch))}}


def epochs(folder: Path) -> dict[str, int]:
    return {file.name: torch.load(file, weights_only=True)["epoch"] for file in sorted(folder.iterdir())}


def damage(path: Path) -> None:
    data = bytearray(path.read_bytes())
    place = data.index(torch.load(path, weights_only=True)["state_dict"]["w"].numpy().tobytes())
    data[place : place + 64] = bytes(255 - byte for byte in data[place : place + 64])
    path.write_bytes(data)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of checkpoints after three epochs."""
    writer = AtomicCheckpoints()
    for epoch in range(3):
        writer.save_checkpoint(content(epoch), tmp_path / "last.ckpt")
    return tmp_path


def test_the_last_and_the_one_before_are_kept(folder: Path) -> None:
    assert epochs(folder) == {"last.ckpt": 2, "previous.ckpt": 1}
    chosen = checkpoint_to_resume(folder)
    assert chosen is not None
    assert (chosen.path.name, chosen.epochs, chosen.remark) == ("last.ckpt", 3, None)
    assert checkpoint_to_resume(folder / "none") is None


@pytest.mark.parametrize("how", ["flipped", "cut", "empty", "gone"])
def test_a_damaged_one_costs_an_epoch_and_the_whole_one_is_kept(folder: Path, how: str) -> None:
    last = folder / "last.ckpt"
    if how == "flipped":
        damage(last)
    elif how == "gone":  # killed between two renames
        last.unlink()
    else:
        last.write_bytes(last.read_bytes()[: 500 if how == "cut" else 0])
    chosen = checkpoint_to_resume(folder)
    assert chosen is not None
    assert (chosen.path.name, chosen.epochs) == ("previous.ckpt", 2)
    assert chosen.remark is not None
    assert "epoch 3 is trained again" in chosen.remark
    assert "\n" not in chosen.remark
    writer = AtomicCheckpoints()
    assert writer.load_checkpoint(chosen.path)["epoch"] == 1
    writer.save_checkpoint(content(2), last)
    assert epochs(folder) == {"last.ckpt": 2, "previous.ckpt": 1}  # not the damaged one in its place


def test_a_resumed_run_keeps_the_one_it_went_on_from(folder: Path) -> None:
    writer = AtomicCheckpoints()
    writer.load_checkpoint(folder / "last.ckpt")
    writer.save_checkpoint(content(3), folder / "last.ckpt")
    assert epochs(folder) == {"last.ckpt": 3, "previous.ckpt": 2}


def test_what_a_kill_left_half_written_is_removed(folder: Path) -> None:
    (folder / ".next.ckpt.abcdef").write_bytes(b"half")
    AtomicCheckpoints().save_checkpoint(content(3), folder / "last.ckpt")
    assert sorted(file.name for file in folder.iterdir()) == ["last.ckpt", "previous.ckpt"]


def test_when_both_are_damaged_it_is_told_and_nothing_is_begun(folder: Path) -> None:
    damage(folder / "last.ckpt")
    damage(folder / "previous.ckpt")
    with pytest.raises(UserError) as caught:
        checkpoint_to_resume(folder)
    for part in ("last.ckpt", "previous.ckpt", "rm '", "begins anew"):
        assert part in str(caught.value)


def test_a_damaged_best_epoch_is_told_when_the_run_is_resumed(folder: Path) -> None:
    AtomicCheckpoints().save_checkpoint(content(1), folder / "best.ckpt")
    assert checkpoint_to_resume(folder) is not None
    damage(folder / "best.ckpt")
    with pytest.raises(UserError, match=r"best\.ckpt"):
        checkpoint_to_resume(folder)
    with pytest.raises(UserError, match=r"best\.ckpt"):
        AtomicCheckpoints().load_checkpoint(folder / "best.ckpt")


@pytest.mark.parametrize("earlier_version", [False, True])
def test_the_best_score_is_known_in_another_folder(tmp_path: Path, earlier_version: bool) -> None:
    options: dict[str, Any] = {"filename": "best", "monitor": "val/score", "mode": "max"}
    old = MovableCheckpoint(tmp_path / "old", **options)
    path = str(tmp_path / "old" / "best.ckpt")
    old.best_k_models, old.kth_best_model_path, old.best_model_path = {path: torch.tensor(0.5)}, path, path
    old.best_model_score = old.kth_value = torch.tensor(0.5)
    state = super(MovableCheckpoint, old).state_dict() if earlier_version else old.state_dict()
    new = MovableCheckpoint(tmp_path / "new", **options)
    new.load_state_dict(state)
    assert new.best_k_models == {str(tmp_path / "new" / "best.ckpt"): torch.tensor(0.5)}
    assert new.best_model_score == 0.5
    assert new.best_model_path == new.kth_best_model_path == str(tmp_path / "new" / "best.ckpt")
