"""Weights that are not finite real numbers are neither written nor read."""

import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from src.foundation.errors import UserError
from src.foundation.files import write_json
from src.runs.network_file import load_network, save_network
from tests.conftest import TINY, Workspace

FAULTS: dict[str, Callable[[Tensor], Tensor]] = {
    "NaN": lambda weight: weight.index_fill(0, torch.tensor([0]), torch.nan),
    "infinite": lambda weight: weight.index_fill(0, torch.tensor([0]), -torch.inf),
    "complex": lambda weight: weight + 1j,
}


@pytest.fixture(scope="module")
def teacher(trained_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the teacher of depth."""
    return Path(
        shutil.copytree(Workspace(trained_root, str).teacher("depth"), tmp_path_factory.mktemp("teacher") / "run")
    )


def spoiled(path: Path, fault: str) -> str:
    """Spoil a tensor of a weights file or checkpoint, and name it."""
    content: dict[str, Any] = torch.load(path, weights_only=True)
    key = next(name for name, value in content["state_dict"].items() if value.ndim == 4)
    content["state_dict"][key] = FAULTS[fault](content["state_dict"][key])
    torch.save(content, path)
    return key.removeprefix("network.")


@pytest.mark.parametrize("fault", FAULTS)
def test_no_command_takes_weights_that_are_not_finite(
    trained: Workspace, teacher: Path, tmp_path: Path, fault: str
) -> None:
    run = Path(shutil.copytree(teacher, tmp_path / "run"))
    name = spoiled(run / "weights.pt", fault)
    store, out = trained.root / "data" / "rooms-32x48", f"out={tmp_path}/out"
    (picture,) = list((run / "pictures").rglob("*.png"))[:1]
    student = (*TINY, "stage=student", "tasks=[depth]", "pictures.count=0")
    checkpoint = run / "checkpoints" / "last.ckpt"
    commands: list[tuple[str, ...]] = [
        ("evaluate", f"run={run}", f"store={store}", out),
        ("predict", f"run={run}", f"images={picture}", out),
        ("export", f"run={run}", out),
        ("train", *student, f"teacher.depth={run / 'weights.pt'}"),
        ("train", *student, f"teacher.depth={checkpoint}"),
    ]
    for command in commands:
        named = run / "weights.pt"
        if str(checkpoint) in command[-1]:
            spoiled(checkpoint, fault)
            named = checkpoint
        result = trained.call(*command)
        assert result.code == 1, command
        assert f"{name} is {fault}" in result.out, command
        assert str(named) in result.out, command
        assert "Traceback" not in result.out
    assert not (tmp_path / "out").exists()


def test_weights_that_are_not_finite_are_not_written(teacher: Path, tmp_path: Path) -> None:
    network = load_network(teacher / "weights.pt")[0]
    with torch.no_grad():
        next(network.parameters()).fill_(torch.nan)
    with pytest.raises(UserError, match="is NaN"):
        save_network(tmp_path / "weights.pt", network, {})
    assert not list(tmp_path.iterdir())


def test_what_json_lacks_is_written_as_null(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"a": math.nan, "b": [1.5, (math.inf, -math.inf)], "c": {"d": "NaN", "e": 1}})

    def refuse(name: str) -> None:
        raise AssertionError(name)

    read = json.loads((tmp_path / "a.json").read_text(), parse_constant=refuse)
    assert read == {"a": None, "b": [1.5, [None, None]], "c": {"d": "NaN", "e": 1}}
