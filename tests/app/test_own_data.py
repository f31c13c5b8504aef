"""From 20 pictures of one's own to a report, without code: folder, store, teachers, student, table."""

import re
from pathlib import Path

import numpy as np
from PIL import Image

from src.data.store.reader import PackedStore
from tests.conftest import TINY, Workspace, read_json
from tests.data.folder.data import CLASSES, COLOURS, MAPS, values, village

OWN = ("dataset=folder", "dataset.name=village", "dataset.workers=0")
SETTINGS = [
    *(s for s in TINY if not s.startswith(("dataset.size", "dataset.source"))), *OWN, "optimiser.lr=0.01",
]  # fmt: skip


def test_a_folder_of_pictures_becomes_teachers_a_student_and_a_report(workspace: Workspace) -> None:
    maps = {name: MAPS[name] for name in ("image", "label", "height", "edges")}
    source = village(workspace.root / "village", maps, {"train": 0.6, "val": 0.2, "test": 0.2, "seed": 0})
    prepared = workspace.call("prepare", "dataset=folder", f"source={source}", "workers=0", "dataset.size=[32,48]")
    assert prepared.code == 0, prepared.out
    (command,) = re.findall(r"python -m src\.train (.*)", prepared.out)
    assert "task=auto" in command

    taught = workspace.call("train", "-m", *command.removeprefix("-m ").split(), *SETTINGS[:-3])
    assert taught.code == 0, taught.out
    assert {read_json(run / "run.json")["task"] for run in workspace.runs()} == {"label", "height", "edges"}

    student = workspace.call("train", "tasks=auto", *SETTINGS)
    assert student.code == 0, student.out
    (run,) = [run for run in workspace.runs() if read_json(run / "run.json")["stage"] == "student"]
    record = read_json(run / "run.json")
    assert record["task_configs"]["label"]["modality"]["names"] == list(CLASSES)
    assert record["validation"] == "val"
    assert set(record["teacher_runs"]) == {"label", "height", "edges"}
    metrics = read_json(run / "metrics.json")["metrics"]
    assert {"label/miou", "height/absolute_error", "height/rmse", "edges/ods_f"} <= set(metrics)
    assert {f"label/iou/{name}" for name in CLASSES} <= set(read_json(run / "classes.json")["classes"])

    panel = np.asarray(Image.open(next(run.rglob("pictures/epoch_*/*.png"))).convert("RGB")).reshape(-1, 3)
    seen = {tuple(colour) for colour in np.unique(panel, axis=0).tolist()}
    assert len(seen & set(COLOURS)) >= 4  # of the labels, in the data's own colours

    out = workspace.root / "report"
    reported = workspace.call("report", f"runs={workspace.root}/runs", f"out={out}", "delta_metrics=[height/rmse]")
    assert reported.code == 0, reported.out
    page = (out / "comparison.html").read_text()
    assert all(name in page for name in CLASSES)
    assert "height/rmse" in reported.out


def test_height_zero_is_a_value_and_every_class_is_counted(workspace: Workspace) -> None:
    maps = {name: MAPS[name] for name in ("image", "label", "height")}
    source = village(workspace.root / "village", maps, size=[24, 32])
    assert workspace.call("prepare", "dataset=folder", f"source={source}", "workers=0").code == 0
    store = PackedStore.open(Path(workspace.root / "data" / "village"))
    split = store.manifest.splits["train"]
    for row, frame in enumerate(split.frames):
        expected = values(int(frame))["height"]
        np.testing.assert_allclose(store.array("train", "height")[row], expected, rtol=1e-3)
    counted = store.manifest.statistics["train"]
    assert counted["height"].valid == 1
    assert counted["height"].low == 0
    labels = np.stack([values(int(frame))["label"] for frame in split.frames])
    shares = np.bincount(labels.ravel(), minlength=6) / labels.size
    np.testing.assert_allclose(counted["label"].classes, shares)
