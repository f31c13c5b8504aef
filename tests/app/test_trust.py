"""What comes from somebody else's disk names parts by registered names and runs no code."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from PIL import Image

from tests.conftest import TINY, Workspace, read_json

NESTED = {
    "_target_": "src.tasks.depth.torch.load",
    "f": {"_target_": "src.tasks.depth.torch.serialization.io.BytesIO", "_args_": ["PICKLE"]},
    "weights_only": False,
}
DISGUISES: dict[str, Callable[[str], Any]] = {
    "system": lambda command: {"_target_": "os.system", "command": command},
    "positional": lambda command: {"_target_": "os.system", "_args_": [command]},
    "partial": lambda command: {"_target_": "os.system", "_partial_": False, "command": command},
    "through our own modules": lambda command: {"_target_": "src.foundation.files.os.system", "command": command},
    "as an option": lambda command: {"_target_": "depth", "unit": {"_target_": "os.system", "command": command}},
    "nested": lambda command: NESTED,
    "a former path": lambda command: {"_target_": "src.models.small.small.__globals__", "x": command},
}


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    """A file that only code from a file under test would make."""
    return tmp_path / "ran"


def evil(run: Path, tmp_path: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """Copy a run directory, its weights file changed."""
    copy = tmp_path / "copy"
    shutil.copytree(run, copy)
    content = torch.load(copy / "weights.pt", weights_only=True)
    change(content["metadata"])
    torch.save(content, copy / "weights.pt")
    return copy


def teacher(trained: Workspace) -> Path:
    return trained.teacher("depth")


@pytest.mark.parametrize("place", ["model", "task", "option"])
@pytest.mark.parametrize("disguise", DISGUISES)
def test_a_weights_file_runs_nothing(
    trained: Workspace, tmp_path: Path, marker: Path, disguise: str, place: str
) -> None:
    bad = DISGUISES[disguise](f"touch {marker}")

    def change(metadata: dict[str, Any]) -> None:
        if place == "model":
            metadata["model"] = bad
        elif place == "task":
            metadata["tasks"]["depth"] = bad
        else:
            metadata["model"]["filters"] = bad

    run = evil(teacher(trained), tmp_path, change)
    Image.new("RGB", (48, 32)).save(tmp_path / "picture.png")
    data = str(trained.root / "data" / "rooms-32x48")
    commands = [
        ("predict", f"run={run}", f"images={tmp_path / 'picture.png'}", f"out={tmp_path / 'out'}"),
        ("evaluate", f"run={run / 'weights.pt'}", f"store={data}"),
        ("export", f"run={run}"),
        ("train", *TINY, "stage=student", f"teacher.depth={run / 'weights.pt'}"),
    ]
    for command in commands:
        result = trained.call(*command)
        assert result.code == 1, command
        assert "Traceback" not in result.out
        assert not marker.exists()


@pytest.mark.parametrize("disguise", DISGUISES)
def test_a_record_and_a_configuration_run_nothing(
    trained: Workspace, tmp_path: Path, marker: Path, disguise: str
) -> None:
    runs = tmp_path / "runs"
    shutil.copytree(teacher(trained), runs / "good")
    shutil.copytree(teacher(trained), runs / "bad")
    record = read_json(runs / "bad" / "run.json")
    record["task_configs"]["depth"] = record["model"] = DISGUISES[disguise](f"touch {marker}")
    (runs / "bad" / "run.json").write_text(json.dumps(record | {"seed": 5}))
    result = trained.call("report", f"runs={runs}", f"out={tmp_path / 'report'}")
    assert result.code == 0, result.out
    assert f"left out: {runs / 'bad'}" in result.out
    values = yaml.safe_load((runs / "bad" / "config.yaml").read_text())
    values["optimiser"] = DISGUISES[disguise](f"touch {marker}")
    (runs / "bad" / "config.yaml").write_text(yaml.safe_dump(values))
    (runs / "bad" / "run.json").write_text(json.dumps(record | {"status": "interrupted"}))
    result = trained.call("train", f"resume={runs / 'bad'}")
    assert result.code == 1
    assert "Traceback" not in result.out
    assert not marker.exists()


@pytest.mark.parametrize(
    "text",
    ["!!python/object/apply:os.system ['touch {marker}']", "probe: !!python/name:os.system", "{{", "3", "probe: 1"],
)
def test_a_configuration_that_is_none_is_told(trained: Workspace, tmp_path: Path, marker: Path, text: str) -> None:
    run = tmp_path / "run"
    shutil.copytree(teacher(trained), run)
    (run / "run.json").write_text(json.dumps(read_json(run / "run.json") | {"status": "interrupted"}))
    (run / "config.yaml").write_text(text.replace("{marker}", str(marker)))
    result = trained.call("train", f"resume={run}")
    assert result.code == 1
    assert "Traceback" not in result.out
    assert not marker.exists()


def test_interpolations_in_a_runs_configuration_stay_text(
    trained: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET", "do not tell")
    run = tmp_path / "run"
    shutil.copytree(teacher(trained), run)
    (run / "run.json").write_text(json.dumps(read_json(run / "run.json") | {"status": "interrupted"}))
    values = yaml.safe_load((run / "config.yaml").read_text())
    values["compile_backend"] = "${oc.env:SECRET}"
    (run / "config.yaml").write_text(yaml.safe_dump(values))
    result = trained.call("train", f"resume={run}")
    assert "do not tell" not in result.out
    assert "do not tell" not in (run / "config.yaml").read_text()


OWN = '''
from collections.abc import Mapping
from torch import Tensor
from src.distillation.distances.base import DISTANCES
from src.models.base import MODELS, MultiTaskNetwork
from src.models.small import small

@MODELS.register()
def mine(outputs: Mapping[str, int], width: int = 4) -> MultiTaskNetwork:
    """A network of my own."""
    return small(outputs, [width, 6, 8, 8])

@DISTANCES.register()
def huber(adapted: Tensor, teacher: Tensor) -> Tensor:
    """Huber's loss."""
    return (adapted - teacher).abs().clamp(max=1).mean()
'''


def test_parts_of_ones_own_are_known_where_the_command_line_names_their_module(
    trained: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my_parts.py").write_text(OWN)
    monkeypatch.syspath_prepend(str(tmp_path))
    settings = [option for option in TINY if not option.startswith("model.")]
    model = ("~model.filters", "model._target_=my_parts.mine")
    baseline = ("stage=student", "distillation=none", *model)
    result = trained.call("train", *settings, *baseline, "distance._target_=my_parts.huber")
    assert result.code == 1
    assert "'extensions=[my_parts]'" in result.out
    before = set(trained.runs())
    result = trained.call("train", *settings, *baseline, "extensions=[my_parts]", "pictures.count=0")
    assert result.code == 0, result.out
    (run,) = set(trained.runs()) - before
    metadata = torch.load(run / "weights.pt", weights_only=True)["metadata"]
    assert metadata["model"]["_target_"] == "my_parts.mine"
    assert yaml.safe_load((run / "config.yaml").read_text())["model"]["_target_"] == "my_parts.mine"
    again = trained.run("export", f"run={run}")  # a process that has not imported it
    assert again.code == 1
    assert "'extensions=[my_parts]'" in again.out
    assert trained.call("export", f"run={run}", "extensions=[my_parts]").code == 0


def test_a_weights_file_of_an_earlier_version_is_read(trained: Workspace, tmp_path: Path) -> None:
    content = torch.load(teacher(trained) / "weights.pt", weights_only=True)
    metadata = content.pop("metadata")
    metadata["model"]["_target_"] = "src.models.small.small"
    metadata["tasks"]["depth"]["_target_"] = "src.tasks.depth.Depth"
    torch.save(content | {"format": 1, "about": metadata}, tmp_path / "weights.pt")
    result = trained.call("evaluate", f"run={tmp_path / 'weights.pt'}", f"store={trained.root}/data/rooms-32x48")
    assert result.code == 0, result.out
    assert "absolute_error" in result.out
