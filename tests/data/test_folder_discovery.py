"""A folder without dataset.yaml gets one that describes it, which then prepares it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from src.data.sources.folder import open_folder
from src.data.store.pack import read_frame
from src.foundation.errors import UserError
from tests.conftest import Workspace
from tests.data.folder.data import COLOURS, COUNT, SIZE, values, write_frames

ALL = ("image", "label", "height", "edges", "depth", "normal")
OTHERS = {"training": range(12), "validation": range(12, 20)}
WHOLE = {"train": range(12), "val": range(12, 16), "test": range(16, 20)}


def described(root: Path) -> dict[str, Any]:
    """Let a folder be described; returns what was written."""
    with pytest.raises(UserError) as error:
        open_folder(str(root))
    assert "look at it" in error.value.mend
    found: dict[str, Any] = yaml.safe_load((root / "dataset.yaml").read_text())
    return found


@pytest.mark.parametrize(
    ("place", "frames", "splits"),
    [
        ("{split}/{map}", WHOLE, {"train": "train", "val": "val", "test": "test"}),
        ("{map}/{split}", WHOLE, {"train": "train", "val": "val", "test": "test"}),
        ("{map}/{split}", OTHERS, {"train": "training", "test": "validation"}),
        ("{map}", {"": range(COUNT)}, {"train": 0.8, "test": 0.2, "seed": 0}),
        ("{split}/{map}", {"train": range(COUNT)}, {"train": 0.8, "test": 0.2, "seed": 0}),
    ],
    ids=["split, map", "map, split", "no test", "no splits", "train alone"],
)  # fmt: skip
def test_layouts(tmp_path: Path, place: str, frames: Any, splits: dict[str, Any]) -> None:
    root = write_frames(tmp_path, place, ALL, frames)
    (next(root.rglob("000.png")).parent / "._000.png").write_bytes(b"junk")
    found = described(root)
    assert found["splits"] == splits
    kinds = {name: each["kind"] for name, each in found["modalities"].items()}
    assert kinds == {
        "image": "image", "label": "classes", "height": "scalar", "edges": "binary", "depth": "scalar",
        "normal": "vector",
    }  # fmt: skip
    opened = open_folder(str(root))
    assert sum(len(opened.frames(split)) for split in opened.splits) == COUNT
    first = int(opened.frames("train")[0])
    frame, written = read_frame(opened, ("train", 0), SIZE), values(first)
    for name in ("image", "label", "edges"):
        np.testing.assert_array_equal(frame[name], written[name])
    np.testing.assert_allclose(frame["height"], written["height"] * 100, rtol=1e-6)  # its scale is for the user to say
    assert opened.modalities["label"].names == tuple(f"class {index}" for index in range(6))
    assert opened.modalities["label"].colours == COLOURS  # the palette's


def test_the_same_command_again_prepares_what_was_described(workspace: Workspace, tmp_path: Path) -> None:
    source = write_frames(tmp_path / "My village!", "{map}", ("image", "label_rgb"), {"": range(COUNT)})
    first = workspace.call("prepare", "dataset=folder", f"source='{source}'")
    assert first.code == 1
    assert f"{source}/dataset.yaml was not there" in first.out
    assert not (tmp_path / "data").exists()
    text = (source / "dataset.yaml").read_text()
    second = workspace.call("prepare", "dataset=folder", f"source='{source}'")
    assert second.code == 0, second.out
    assert "data/My-village is ready: 16 train, 4 test; image, label_rgb" in second.out
    assert "dataset=folder dataset.name=My-village" in second.out
    assert (source / "dataset.yaml").read_text() == text


def kind_of(root: Path, folder: str, maps: list[np.ndarray]) -> dict[str, Any]:
    """Return how a folder of these maps, beside one of images, is described."""
    write_frames(root, "{map}", ("image",), {"": range(len(maps))})
    (root / folder).mkdir()
    for index, value in enumerate(maps):
        if value.dtype in (np.uint8, np.uint16, np.int32):
            Image.fromarray(value).save(root / folder / f"{index:03d}.png")
        else:
            np.save(root / folder / f"{index:03d}.npy", value)
    modalities = described(root)["modalities"]
    open_folder(str(root))
    (only,) = (each for name, each in modalities.items() if name != "image")
    return dict(only)


ROWS = np.arange(SIZE[0] * SIZE[1]).reshape(SIZE)
WITH_IGNORED = np.where(ROWS < 9, 255, ROWS % 5).astype(np.uint8)
ON_OFF = ((ROWS % 3 == 0) * 255).astype(np.uint8)
HOLES = np.where(ROWS < 9, 0, ROWS + 500).astype(np.uint16)
NOISE = np.random.default_rng(0).integers(0, 256, (*SIZE, 3)).astype(np.uint8)


@pytest.mark.parametrize(
    ("folder", "value", "expected"),
    [
        ("labels", WITH_IGNORED, {"kind": "classes", "classes": [f"class {i}" for i in range(5)], "ignore": 255}),
        ("things", WITH_IGNORED, {"kind": "classes", "ignore": 255}),
        ("things", (ROWS % 2 * 1000).astype(np.int64), {"classes": {0: "class 0", 1000: "class 1000"}}),
        ("labels", ROWS.astype(np.uint16), {"kind": "classes"}),
        ("labels", (ROWS % 4 - 1).astype(np.float32), {"kind": "classes", "ignore": -1}),
        ("labels", ROWS / 7, {"kind": "scalar"}),
        ("mask", ON_OFF, {"kind": "binary"}),
        ("mask", np.where(ROWS < 70, ROWS + 9, ON_OFF).astype(np.uint8), {"kind": "binary", "threshold": 128}),
        ("edges", NOISE[..., 0], {"kind": "binary", "threshold": 128, "resize": "any"}),
        ("heights", (ROWS % 5).astype(np.uint16), {"kind": "scalar"}),
        ("depth", HOLES, {"scale": 1000, "invalid": 0, "zoom": "divided"}),
        ("temperature", ROWS / 7, {"kind": "scalar", "scale": 1}),
        ("normals_est", np.random.default_rng(0).normal(size=(*SIZE, 3)), {"kind": "vector", "mirrored": [0]}),
    ],
)  # fmt: skip
def test_kinds_follow_from_values(tmp_path: Path, folder: str, value: np.ndarray, expected: dict[str, Any]) -> None:
    found = kind_of(tmp_path, folder, [value, value, value])
    assert {key: found.get(key) for key in expected} == expected


def test_a_folder_without_maps_is_told_what_was_looked_for(tmp_path: Path) -> None:
    write_frames(tmp_path, "nested/{split}/{map}", ("image",), {"train": range(3)})
    with pytest.raises(UserError) as error:
        open_folder(str(tmp_path))
    assert "found: nested/" in str(error.value)
    assert not (tmp_path / "dataset.yaml").exists()
