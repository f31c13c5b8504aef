"""What a trained student is handed on as: weights, predictions, an exported program, metrics on other data."""

import numpy as np
import pytest
import torch
from PIL import Image

from src.foundation.errors import UserError
from src.runs.network_file import load_network
from tests.conftest import Workspace, read_json


@pytest.fixture(scope="module")
def run_path(trained_root, tmp_path_factory):
    shared = Workspace(trained_root, str)
    return shared.train("stage=student", "label=handed on")


def test_evaluate_repeats_the_metrics_of_the_run(trained: Workspace, run_path) -> None:
    out = trained.root / "again.json"
    result = trained.call("evaluate", f"run={run_path}", f"store={trained.root}/data/rooms-32x48", f"out={out}")
    assert result.code == 0, result.out
    metrics = read_json(run_path / "metrics.json")["metrics"]
    for key, value in read_json(out)["metrics"].items():
        assert value == pytest.approx(metrics[key], rel=1e-4), key


def test_predict_draws_a_panel_and_writes_arrays_for_each_picture(trained: Workspace, run_path) -> None:
    folder, out = trained.root / "mine", trained.root / "predictions"
    folder.mkdir()
    for name in ("a.png", "b.jpg"):
        Image.fromarray(np.random.default_rng(0).integers(0, 255, (90, 70, 3), dtype=np.uint8)).save(folder / name)
    result = trained.call("predict", f"run={run_path}", f"images={folder}", f"out={out}", "arrays=true")
    assert result.code == 0, result.out
    assert {path.name for path in out.glob("*.png")} == {"a.png", "b.png"}
    assert np.load(out / "a.semantic.npy").shape == (32, 48)
    assert np.load(out / "a.depth.npy").shape == (1, 32, 48)
    np.testing.assert_allclose(np.linalg.norm(np.load(out / "b.normal.npy"), axis=0), 1, atol=1e-4)


def test_export_is_the_network_at_any_batch_size(trained: Workspace, run_path) -> None:
    result = trained.call("export", f"run={run_path}", f"out={trained.root}/model.pt2")
    assert result.code == 0, result.out
    program = torch.export.load(trained.root / "model.pt2").module()
    network = load_network(run_path / "weights.pt")[0].eval()
    image = torch.randn(5, 3, 32, 48)
    for task, value in network(image).items():
        torch.testing.assert_close(program(image)[task], value, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("command", ["evaluate", "predict", "export"])
@pytest.mark.parametrize("run", ["", "nowhere", "broken.pt", "foreign.pt"])
def test_what_is_no_run_is_named_without_a_trace(workspace: Workspace, command: str, run: str) -> None:
    (workspace.root / "broken.pt").write_bytes(b"no weights")
    torch.save({"state_dict": {}}, workspace.root / "foreign.pt")
    result = workspace.call(command, f"run={workspace.root / run}" if run else "run=null")
    assert result.code == 1
    assert run in result.out
    assert "Traceback" not in result.out


def test_weights_run_no_foreign_code(run_path, tmp_path) -> None:
    content = torch.load(run_path / "weights.pt", weights_only=True)
    content["metadata"]["model"]["filters"] = {"_target_": "os.getcwd"}
    torch.save(content, tmp_path / "weights.pt")
    with pytest.raises(UserError, match=r"os\.getcwd"):
        load_network(tmp_path / "weights.pt")


def test_weights_that_do_not_fit_are_refused(run_path, tmp_path) -> None:
    content = torch.load(run_path / "weights.pt", weights_only=True)
    content["metadata"]["model"]["filters"] = [4, 6, 8, 10]
    torch.save(content, tmp_path / "weights.pt")
    with pytest.raises(UserError, match="do not fit"):
        load_network(tmp_path / "weights.pt")


def test_predict_does_not_overwrite_the_users_pictures(workspace: Workspace, run_path) -> None:
    picture = workspace.root / "a.png"
    Image.new("RGB", (8, 8)).save(picture)
    before = picture.read_bytes()
    result = workspace.call("predict", f"run={run_path}", f"images={workspace.root}", f"out={workspace.root}")
    assert result.code == 1
    assert "overwrite" in result.out
    assert picture.read_bytes() == before
