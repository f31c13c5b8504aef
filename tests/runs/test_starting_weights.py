"""Weights that a network starts from are known by their content, and a trained run needs them no more."""

import shutil
from pathlib import Path

import torch

from src.models.base import build_network
from src.models.input_statistics import InputStatistics
from src.runs.network_file import load_network
from src.runs.teacher import teacher_from_file
from tests.conftest import TINY, Workspace, read_json

FILTERS = [4, 4, 4, 4, 4]
SEGNET = (
    *TINY,
    "model=segnet",
    f"model.filters={FILTERS}".replace(" ", ""),
    "dataset.size=[32,64]",
    "pictures.count=0",
)


def weights_at(path: Path) -> Path:
    network = build_network({"_target_": "segnet", "filters": FILTERS}, {})
    torch.save(network.state_dict(), path)
    return path


def test_the_content_of_the_file_counts_and_not_its_path(workspace: Workspace, tmp_path: Path) -> None:
    first = weights_at(tmp_path / "first.pth")
    again = Path(shutil.copy(first, tmp_path / "again.pth"))
    other = weights_at(tmp_path / "other.pth")
    teacher = (*SEGNET, "stage=teacher", "task=depth")
    result = workspace.call("train", *teacher, f"model.weights={first}")
    assert result.code == 0, result.out
    assert result.out.count(f"91 of 91 tensors of {first}") == 1
    (run,) = workspace.runs()
    assert str(first) not in str(read_json(run / "run.json")["configuration"])
    assert "already trained" in workspace.call("train", *teacher, f"model.weights={again}", "reuse=true").out
    student = (*SEGNET, "stage=student", "tasks=[depth]")
    result = workspace.call("train", *student, f"model.weights={again}")
    assert result.code == 0, result.out
    assert f"depth: {run}" in result.out
    result = workspace.call("train", *student, f"model.weights={other}")
    assert result.code == 1
    assert "model.weights is file of checksum" in result.out


def test_a_run_is_used_and_predicted_with_after_its_file_is_gone(workspace: Workspace, tmp_path: Path) -> None:
    import timm

    size = ("dataset.size=[32,48]", *(each for each in TINY if not each.startswith(("model.", "dataset.size"))))
    file = tmp_path / "lite.pth"
    torch.save(timm.create_model("tf_efficientnet_lite0").state_dict(), file)
    encoder = ("model=timm", "model.backbone=tf_efficientnet_lite0", f"model.weights={file}")
    result = workspace.call("train", *size, *encoder, "stage=teacher", "task=depth")
    assert result.code == 0, result.out
    file.unlink()
    (run,) = workspace.runs()
    half = InputStatistics((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    assert load_network(run / "weights.pt")[0].input_statistics == half
    store = workspace.root / "data" / "rooms-32x48"
    result = workspace.call("evaluate", f"run={run}", f"store={store}", f"out={tmp_path}/out.json")
    assert result.code == 0, result.out
    trained = read_json(run / "metrics.json")["metrics"]["depth/absolute_error"]
    assert abs(read_json(tmp_path / "out.json")["metrics"]["depth/absolute_error"] - trained) < 1e-3 * trained
    dataset = read_json(run / "run.json")["dataset"]
    for path in (run / "weights.pt", run / "checkpoints" / "last.ckpt"):
        assert teacher_from_file("depth", path, dataset).open().input_statistics == half
