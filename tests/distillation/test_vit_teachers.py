"""A transformer as teacher and as student through the command line."""

import math

from tests.conftest import TINY, Workspace, read_json

VIT = (
    *(option for option in TINY if not option.startswith("model.")),
    "dataset.source.train=4",
    "dataset.source.test=2",
    "dataset.batch_size=2",
    "model=vit_dpt",
    "model.backbone=test_vit",
    "model.decoder.channels=8",
    "+model.decoder.reassembled=[8,8,8,8]",
    "pictures.count=0",
)


def test_a_vit_teaches_a_vit(workspace: Workspace) -> None:
    for options in (
        ("stage=teacher", "task=depth"),
        ("stage=student", "tasks=[depth]", "distillation=matched"),
    ):
        result = workspace.call("train", *options, *VIT)
        assert result.code == 0, result.out
    [student] = [run for run in workspace.runs() if read_json(run / "run.json")["stage"] == "student"]
    metrics = read_json(student / "metrics.json")["metrics"]
    assert metrics
    assert all(math.isfinite(value) for value in metrics.values())
    header = (student / "metrics.csv").read_text().splitlines()[0]
    assert "train/align/depth" in header
