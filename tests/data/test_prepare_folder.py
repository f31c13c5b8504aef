"""``python -m src.prepare dataset=folder``: what is stored is what the files mean, whatever way they are described."""

import textwrap
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from src.data.sources.folder import open_folder
from src.data.sources.folder_description import MapDescription
from src.data.store.pack import read_frame
from src.data.store.reader import PackedStore
from src.foundation.errors import UserError
from tests.conftest import REPOSITORY, Workspace
from tests.contracts.findings import failures, quick
from tests.data.folder.data import (
    CLASSES,
    COLOURS,
    COUNT,
    MAPS,
    NAMES,
    SHARES,
    SIZE,
    describe,
    values,
    village,
    write_frames,
    write_map,
)

IMAGE = {"image": MAPS["image"]}
SCALAR = {"path": "height/{name}.png", "kind": "scalar"}


def stored(source: Path, name: str, size: tuple[int, int] = SIZE) -> np.ndarray:
    """Return a map of the first training frame, 000, as a store would hold it."""
    return read_frame(open_folder(str(source)), ("train", 0), size)[name]


def of_first(root: Path, name: str, value: np.ndarray, described: dict[str, Any]) -> np.ndarray:
    """Return what is stored of a map of frame 000, of which a frame of testing has the same."""
    for index, split in enumerate(("train", "test")):
        write_map(root / split / "image", "image", index)
        path = root / split / name / NAMES[index]
        path.parent.mkdir(parents=True)
        if value.dtype in (np.uint8, np.uint16) and value.ndim == 2:
            Image.fromarray(value).save(path.with_suffix(".png"))
        else:
            np.save(path.with_suffix(".npy"), value)
    maps = {"image": {"path": "{split}/image/{name}.png", "kind": "image"}}
    maps[name] = {"path": f"{{split}}/{name}/{{name}}.*"} | described
    return stored(describe(root, maps, {"train": "train", "test": "test"}), name)


def test_a_store_holds_what_was_written(workspace: Workspace, tmp_path: Path) -> None:
    result = workspace.call("prepare", "dataset=folder", f"source={village(tmp_path / 'source')}")
    assert result.code == 0, result.out
    data = tmp_path / "data"
    assert (
        "python -m src.train -m stage=teacher task=auto dataset=folder dataset.name=village "
        f"paths.data={data}\n" in result.out
    )
    store = PackedStore.open(data / "village")
    store.verify()
    manifest = store.manifest
    assert manifest.size == SIZE
    assert {name: split.count for name, split in manifest.splits.items()} == {"train": 12, "val": 4, "test": 4}
    assert manifest.modalities["label"].names == CLASSES
    height = manifest.modalities["height"]
    assert (height.unit, height.invalid, height.dtype) == ("m", None, "float32")
    frames = [frame for split in manifest.splits.values() for frame in split.frames]
    assert sorted(frames) == list(NAMES)
    for split in manifest.splits.values():
        arrays = {name: np.load(data / "village" / file.file) for name, file in split.arrays.items()}
        for row, frame in enumerate(split.frames):
            written = values(int(frame))
            for name in ("image", "label", "edges"):
                np.testing.assert_array_equal(arrays[name][row], written[name])
            np.testing.assert_allclose(arrays["height"][row], written["height"], atol=1e-6)
    statistics = manifest.statistics["train"]["height"]
    assert (statistics.valid, statistics.low) == (1, 0)  # the ground is as valid as any other height
    again = workspace.call("prepare", "dataset=folder", f"source={tmp_path / 'source'}")
    assert again.code == 0
    assert "already prepared" in again.out


@pytest.mark.parametrize(
    "described",
    [
        {"classes": dict(zip(CLASSES, map(list, COLOURS), strict=True))},
        {"classes": dict(zip(CLASSES[:5], map(list, COLOURS[:5]), strict=True)), "ignore": list(COLOURS[5])},
    ],
    ids=["all colours", "an ignored colour"],
)
def test_classes_known_by_colour(tmp_path: Path, described: dict[str, Any]) -> None:
    maps = IMAGE | {"label": {"path": "label_rgb/{name}.png", "kind": "classes"} | described}
    source = open_folder(str(village(tmp_path, maps)))
    assert source.modalities["label"].colours == COLOURS[: len(described["classes"])]
    expected = values(int(source.frames("train")[0]))["label"].astype(int)
    expected[expected >= len(described["classes"])] = -1
    np.testing.assert_array_equal(read_frame(source, ("train", 0), SIZE)["label"], expected)


FOUR = np.array([[0, 1], [2, 255]], np.uint8).repeat(SIZE[0] // 2, 0).repeat(SIZE[1] // 2, 1)


@pytest.mark.parametrize(
    ("described", "expected"),
    [
        ({"classes": ["a", "b"], "offset": 1, "ignore": [0, 255]}, [-1, 0, 1, -1]),
        ({"classes": {0: "a", 1: "b", 2: "a", 255: "c"}}, [0, 1, 0, 2]),
        ({"classes": {2: "a", 1: "b"}, "ignore": [0, 255]}, [-1, 1, 0, -1]),
    ],
    ids=["offset", "values by name, two of one", "values in another order"],
)
def test_classes_known_by_value(tmp_path: Path, described: dict[str, Any], expected: list[int]) -> None:
    value = of_first(tmp_path, "label", FOUR, {"kind": "classes"} | described)
    assert [value[0, 0], value[0, -1], value[-1, 0], value[-1, -1]] == expected


def test_many_classes_and_two_label_sets_of_the_same_number(tmp_path: Path) -> None:
    value = np.arange(SIZE[0] * SIZE[1]).reshape(SIZE).astype(np.uint16) * 2
    many = {"kind": "classes", "classes": [f"thing {index}" for index in range(1_600)]}
    np.testing.assert_array_equal(of_first(tmp_path / "many", "label", value, many), value)
    maps = MAPS | {"ground": MAPS["label"] | {"classes": ["a", "b", "c", "d", "e", "f"]}}
    source = open_folder(str(village(tmp_path / "two", maps)))
    assert source.modalities["label"].names != source.modalities["ground"].names


@pytest.mark.parametrize(
    ("value", "described", "expected"),
    [
        (np.array([[0, 1500]], np.uint16), {"scale": 1000}, [0, 1.5]),
        (np.array([[0, 1500]], np.uint16), {"scale": 1000, "invalid": 0}, [np.nan, 1.5]),
        (np.array([[0, 65535]], np.uint16), {"invalid": [0, 65535]}, [np.nan, np.nan]),
        (np.array([[-2.5, np.nan]], np.float32), {}, [-2.5, np.nan]),
        (np.array([[1e6, 0.1]], np.float64), {"high": 10}, [np.nan, 0.1]),
        (np.array([[70_000.0, 1]], np.float32), {"dtype": "float32"}, [70_000, 1]),
    ],
    ids=["0 is a value", "0 is invalid", "two marks", "float", "above the largest", "beyond float16"],
)
def test_scalars(tmp_path: Path, value: np.ndarray, described: dict[str, Any], expected: list[float]) -> None:
    whole = value.repeat(SIZE[0], 0).repeat(SIZE[1] // 2, 1)
    row = of_first(tmp_path, "height", whole, {"kind": "scalar"} | described)[0]
    np.testing.assert_allclose([row[0], row[-1]], expected, rtol=1e-6)


def test_a_float_tiff_is_read_as_it_is(tmp_path: Path) -> None:
    source = village(tmp_path, IMAGE | {"height": SCALAR | {"path": "height/{name}.tif"}})
    for index, name in enumerate(NAMES):
        Image.fromarray(values(index)["depth"]).save(source / "height" / f"{name}.tif")
    opened = open_folder(str(source))
    first = int(opened.frames("train")[0])
    np.testing.assert_array_equal(stored(source, "height"), values(first)["depth"])


def test_a_mask_file_says_where_a_map_is_invalid(tmp_path: Path) -> None:
    mask = {"mask": "mask/{name}.png"}
    depth = {"path": "depth/{name}.npy", "kind": "scalar", "unit": "m", "zoom": "divided"} | mask
    maps = IMAGE | {"depth": depth, "edges": MAPS["edges"] | mask, "label": MAPS["label"] | mask}
    source = open_folder(
        str(village(tmp_path, maps | {"normal": {"path": "normal/{name}.png", "kind": "vector"} | mask}))
    )
    frame, written = read_frame(source, ("train", 0), SIZE), values(int(source.frames("train")[0]))
    np.testing.assert_array_equal(frame["depth"], written["depth"])
    invalid = np.isnan(written["depth"])
    assert (frame["edges"][invalid] == 255).all()
    assert (frame["label"][invalid] == -1).all()
    assert (frame["normal"][invalid] == 0).all()
    np.testing.assert_allclose(frame["normal"][~invalid], written["normal"][~invalid], atol=0.01)
    assert (source.modalities["depth"].zoom, source.modalities["normal"].mirrored) == ("divided", (0,))


@pytest.mark.parametrize(
    ("described", "expected"),
    [
        ({"threshold": 2}, [0, 0, 1, 1]),
        ({"positive": [1, 2]}, [0, 1, 1, 0]),
        ({"positive": 1, "ignore": 255}, [0, 1, 0, 255]),
    ],
    ids=["threshold", "positive", "ignored"],
)
def test_binary_maps(tmp_path: Path, described: dict[str, Any], expected: list[int]) -> None:
    value = of_first(tmp_path, "edges", FOUR, {"kind": "binary"} | described)
    assert [value[0, 0], value[0, -1], value[-1, 0], value[-1, -1]] == expected


def test_vectors_as_arrays_keep_their_components(tmp_path: Path) -> None:
    value = np.stack([np.full(SIZE, 0.6), np.full(SIZE, -0.8)], -1)
    described = {"kind": "vector", "mirrored": [0, 1]}
    np.testing.assert_allclose(of_first(tmp_path, "flow", value, described), value, atol=1e-3)
    assert open_folder(str(tmp_path)).modalities["flow"].mirrored == (0, 1)


def test_thin_lines_survive_a_smaller_size(tmp_path: Path) -> None:
    edges = stored(village(tmp_path, MAPS, size=[16, 16]), "edges", (16, 16))
    assert edges.mean() > values(0)["edges"].mean()


def folders(root: Path) -> Path:
    maps = {name: each | {"path": "{split}/" + each["path"]} for name, each in MAPS.items()}
    write_frames(root, "{split}/{map}", tuple(MAPS), {"train": range(12), "holdout": range(16, 20)})
    return describe(root, maps, {"train": "train", "test": "holdout"})


def lists(root: Path) -> Path:
    village(root)
    for split, of_split in {"train": NAMES[:12], "val": NAMES[12:16], "test": NAMES[16:]}.items():
        (root / f"{split}.txt").write_text("# names\n" + "\n".join(of_split) + "\n\n")
    return describe(root, splits={split: f"{split}.txt" for split in ("train", "val", "test")})


@pytest.mark.parametrize(("write", "val"), [(folders, False), (lists, True)])
def test_splits_as_folders_and_as_lists(tmp_path: Path, write: Any, val: bool) -> None:
    source = write(tmp_path)
    opened = open_folder(str(source))
    assert opened.splits == (("train", "val", "test") if val else ("train", "test"))
    assert opened.frames("train") == list(NAMES[:12])
    assert opened.frames("test") == list(NAMES[16:])
    np.testing.assert_array_equal(read_frame(opened, ("test", 1), SIZE)["label"], values(17)["label"])


def test_drawn_shares_are_the_same_every_time_and_others_with_another_seed(tmp_path: Path) -> None:
    source = village(tmp_path)
    draws = []
    for seed in (0, 0, 1):
        describe(source, splits=SHARES | {"seed": seed})
        opened = open_folder(str(source))
        frames = {split: opened.frames(split) for split in opened.splits}
        assert sorted(name for names in frames.values() for name in names) == list(NAMES)
        draws.append(frames)
    assert draws[0] == draws[1] != draws[2]
    assert [len(names) for names in draws[0].values()] == [12, 4, 4]


def test_the_own_size_is_that_of_the_images_or_has_to_be_stated(tmp_path: Path) -> None:
    source = village(tmp_path)
    assert open_folder(str(source)).own_size() == SIZE
    Image.new("RGB", (48, 36)).save(source / "image/003.png")
    with pytest.raises(
        UserError, match=r"2 sizes.*24x32 .*36x48 \(003.png\).*size: \[HEIGHT, WIDTH\]".replace(".*", "(?s:.*)")
    ):
        open_folder(str(source)).own_size()
    assert open_folder(str(describe(source, size=[48, 64]))).own_size() == (48, 64)


def test_hidden_files_and_endings_in_capitals(tmp_path: Path) -> None:
    source = village(tmp_path)
    for junk in ("image/._000.png", "label/.DS_Store", "image/Thumbs.db"):
        (source / junk).write_bytes(b"junk")
    (source / "image/000.png").rename(source / "image/000.PNG")
    assert sum(len(open_folder(str(source)).frames(split)) for split in ("train", "val", "test")) == COUNT


def test_a_described_folder_keeps_the_contract_of_datasets(tmp_path: Path) -> None:
    found = failures(quick("dataset", {"source": {"_target_": "folder", "path": str(village(tmp_path))}}))
    assert not found


def test_the_description_in_the_documentation_is_one(tmp_path: Path) -> None:
    page = (REPOSITORY / "docs/your_data.md").read_text()
    block = page[page.index("    name: village\n") :].split("\n\n")[0]
    source = village(tmp_path)
    (source / "dataset.yaml").write_text(textwrap.dedent(block))
    for picture in (source / "image").iterdir():
        Image.open(picture).save(picture.with_suffix(".jpg"))
    opened = open_folder(str(source))
    assert read_frame(opened, ("test", 0), SIZE)["height"].max() < 10  # metres
    unexplained = [field.name for field in fields(MapDescription) if f"`{field.name}`" not in page]
    assert not unexplained
