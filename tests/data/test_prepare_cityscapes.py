"""``python -m src.prepare`` from each form of Cityscapes, its label tables, and what it says to mistakes."""

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from src.data.labels.cityscapes import (
    CITYSCAPES_7,
    CITYSCAPES_19,
    IDS,
    ids_to_nineteen,
    ids_to_seven,
    nineteen_to_seven,
)
from src.data.sources.cityscapes import open_cityscapes
from src.data.sources.cityscapes_official import CITIES
from src.data.store.reader import PackedStore
from src.foundation.errors import UserError
from tests.conftest import Workspace
from tests.data.cityscapes.data import (
    ENDINGS,
    EXTREMES,
    NINETEEN,
    SEVEN,
    SHAPE,
    SPLITS,
    expected,
    frame,
    write_folder,
    write_mtan,
    write_zip,
)

FORMS = ("folders", "zips", "mixed", "mtan")
WHOLE = ("dataset=cityscapes", "dataset.source.subset=true", "dataset.size=[32,64]")
UNIT = "disparity / 65535 (raw uint16)"


def write(form: str, root: Path) -> Path:
    if form == "mtan":
        write_mtan(root)
    for package in ENDINGS if form != "mtan" else ():
        zipped = form == "zips" or (form == "mixed" and package != "gtFine")
        (write_zip if zipped else write_folder)(root, package)
    return root


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_store(workspace: Workspace, tmp_path: Path, form: str) -> None:
    source = write(form, tmp_path / "source")
    before = sorted(source.rglob("*"))
    result = workspace.call("prepare", *WHOLE, f"source={source}")
    assert result.code == 0, result.out
    assert sorted(source.rglob("*")) == before  # nothing is unpacked
    store = PackedStore.open(tmp_path / "data" / "cityscapes-32x64")
    store.verify()
    assert store.manifest.modalities["depth"].unit == UNIT
    for labels in (CITYSCAPES_7, CITYSCAPES_19):
        assert replace(store.manifest.modalities[labels.name], weights=()) == labels
    for split, names in (("train", SPLITS["train"]), ("test", SPLITS["val"])):
        assert store.manifest.splits[split].frames == (names if form != "mtan" else ("0", "1", "2")[: len(names)])
        for index, name in enumerate(names):
            truth = expected(name)
            assert sorted(store.modalities(split)) == sorted(truth)
            for modality, value in truth.items():
                assert np.array_equal(store.array(split, modality)[index], value), (name, modality)


def test_a_smaller_size_takes_the_middles_and_never_mixes_disparity_with_holes(tmp_path: Path) -> None:
    source = open_cityscapes(str(write("zips", tmp_path)), subset=True)
    name = SPLITS["train"][1]
    small, raw = source.read("train", 1, (8, 16)), frame(name)["disparity"].astype(float)
    middle = np.s_[2::4, 2::4]
    for modality in ("label7", "label19"):
        assert np.array_equal(small[modality], expected(name)[modality][middle])
    valid = raw[middle] > 0
    assert np.allclose(small["depth"][valid] * 65535, raw[middle][valid], atol=1e-2)
    blocks = raw.reshape(8, 4, 16, 4).swapaxes(1, 2).reshape(8, 16, 16)
    assert (np.abs(blocks - small["depth"][..., None] * 65535).min(-1) < 0.01).all()
    assert small["image"].shape == (8, 16, 3)


@pytest.mark.parametrize("form", FORMS)
def test_sources_go_to_other_processes(tmp_path: Path, form: str) -> None:
    source = open_cityscapes(str(write(form, tmp_path)), subset=True)
    before = source.read("test", 1, SHAPE)
    after = pickle.loads(pickle.dumps(source)).read("test", 1, SHAPE)
    assert all(np.array_equal(before[name], after[name]) for name in before)
    assert before.keys() == after.keys()


def test_half_precision_keeps_small_disparities_apart_from_invalid_and_all_within_its_rounding() -> None:
    raw = np.arange(1, 65536)
    stored = (raw / 65535).astype(np.float16).astype(np.float64)
    assert (stored > 0).all()
    error = np.abs(stored * 65535 - raw)
    assert (error <= np.maximum(raw * 2**-11, 65535 * 2**-25)).all()  # the second where halves are subnormal
    assert np.array_equal(np.rint(stored * 65535)[raw <= 1024], raw[raw <= 1024])
    assert (error[raw <= 32257] / 256).max() < 1 / 30  # pixels, over all that the official maps hold


def test_labels_agree_with_the_official_table() -> None:
    ids = np.arange(256, dtype=np.uint8)
    assert ids_to_nineteen(ids).tolist() == [NINETEEN.get(i, -1) for i in range(256)]
    assert ids_to_seven(ids).tolist() == [SEVEN.get(i, -1) for i in range(256)]
    assert len(IDS) == 34
    assert [IDS[i] for i in NINETEEN] == list(CITYSCAPES_19.names)
    assert CITYSCAPES_7.names == ("flat", "construction", "object", "nature", "sky", "human", "vehicle")


def test_seven_follow_from_nineteen_and_ignored_stays_ignored() -> None:
    trained = np.array(list(NINETEEN), np.uint8)
    assert np.array_equal(nineteen_to_seven(ids_to_nineteen(trained)), ids_to_seven(trained))
    assert nineteen_to_seven(np.array([[-1]], np.int8)).tolist() == [[-1]]


@pytest.mark.parametrize("labels", [CITYSCAPES_7, CITYSCAPES_19])
def test_colours_are_distinct(labels) -> None:
    assert len(set(labels.colours)) == len(labels.names) == len(set(labels.names))


def test_cities_add_up_to_the_official_counts() -> None:
    assert {split: sum(cities.values()) for split, cities in CITIES.items()} == {"train": 2975, "test": 500}


def lose(root: Path, *names: str) -> None:
    for name in names:
        next(root.rglob(name)).unlink()


@pytest.mark.parametrize(
    ("form", "gone", "words"),
    [
        ("folders", ("aachen_000001_000019_disparity.png", "zurich*_disparity.png"),
         ("lacks 2 files", "train/*/aachen_000001_000019_disparity.png, train/*/zurich_000121_000019_disparity.png")),
        ("folders", ("munster*_gtFine_labelIds.png",), ("lacks 1 files", "val/*/munster_000173_000029_gtFine")),
        ("mixed", ("frankfurt*_labelIds.png",), ("frankfurt_000000_000294_gtFine_labelIds.png", "zips")),
        ("zips", ("disparity_trainvaltest.zip",), ("has no disparity", "disparity_trainvaltest.zip")),
        ("mtan", ("label_19/1.npy", "depth/2.npy"), ("lacks 2 files", "label_19/1.npy, depth/2.npy")),
    ],
)  # fmt: skip
def test_missing_files_are_named(
    workspace: Workspace, tmp_path: Path, form: str, gone: tuple[str, ...], words: tuple[str, ...]
) -> None:
    source = write(form, tmp_path / "source")
    lose(source, *gone)
    result = workspace.call("prepare", *WHOLE, f"source={source}")
    assert result.code == 1
    assert all(word in result.out for word in words), result.out
    assert "Traceback" not in result.out
    assert not (tmp_path / "data" / "cityscapes-32x64").exists()


@pytest.mark.parametrize("form", ["zips", "mtan"])
def test_fewer_frames_than_the_official_ones_have_to_be_meant(tmp_path: Path, form: str) -> None:
    with pytest.raises(UserError) as error:
        open_cityscapes(str(write(form, tmp_path)))
    assert "subset=true" in error.value.mend
    if form == "zips":
        assert "lacks 3470 frames" in error.value.what
        assert "train/aachen has 2 of 174; train/bochum has 0 of 96" in error.value.why
    else:
        assert "lacks 2972 frames" in error.value.what


def replace_picture(root: Path, pattern: str, picture: Image.Image) -> None:
    picture.save(next(root.rglob(pattern)))


@pytest.mark.parametrize(
    ("pattern", "picture", "words"),
    [
        ("zurich*labelIds.png", Image.new("L", (64, 32), 77), "holds the id 77"),
        ("zurich*labelIds.png", Image.new("RGB", (64, 32)), "pixels of kind RGB, not L"),
        ("aachen*disparity.png", Image.new("L", (64, 32)), "pixels of kind L, not I;16"),
        ("munster*leftImg8bit.png", Image.new("L", (64, 32)), "pixels of kind L, not RGB"),
    ],
)
def test_files_of_another_kind_are_named(
    workspace: Workspace, tmp_path: Path, pattern: str, picture: Image.Image, words: str
) -> None:
    source = write("folders", tmp_path / "source")
    replace_picture(source, pattern, picture)
    result = workspace.call("prepare", *WHOLE, f"source={source}")
    assert result.code == 1
    assert words in result.out
    assert pattern.split("*")[0] in result.out
    assert "Traceback" not in result.out


def test_a_cut_picture_and_a_cut_zip_are_named(tmp_path: Path) -> None:
    folders = write("folders", tmp_path / "folders")
    path = next(folders.rglob("frankfurt*leftImg8bit.png"))
    path.write_bytes(path.read_bytes()[:200])
    source = open_cityscapes(str(folders), subset=True)
    with pytest.raises(UserError, match=r"frankfurt_000000_000294_leftImg8bit\.png cannot be read"):
        source.read("test", 0, SHAPE)
    zips = write("zips", tmp_path / "zips")
    archive = zips / "disparity_trainvaltest.zip"
    whole = archive.read_bytes()
    at = whole.index(b"IDAT")
    archive.write_bytes(whole[: at + 40] + b"damage" + whole[at + 46 :])
    with pytest.raises(UserError, match=r"disparity\.png cannot be read"):
        open_cityscapes(str(zips), subset=True).read("train", 0, SHAPE)
    archive.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match=r"disparity_trainvaltest\.zip is not a whole zip"):
        open_cityscapes(str(zips), subset=True)


def test_other_bad_sources(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="has to be given"):
        open_cityscapes(None)
    with pytest.raises(UserError, match="there is no folder"):
        open_cityscapes(str(tmp_path / "nowhere"))
    (tmp_path / "beach.jpg").touch()
    with pytest.raises(UserError, match=r"(?s)leftImg8bit.*MTAN.*found: beach\.jpg"):
        open_cityscapes(str(tmp_path))
    root = write("mtan", tmp_path / "mtan")
    np.save(root / "val" / "depth" / "0.npy", np.zeros((3, 3)))
    with pytest.raises(UserError, match="depth of test frame 0 is 3x3, image is 32x64"):
        open_cityscapes(str(root), subset=True).read("test", 0, SHAPE)


def test_extremes_are_among_what_is_tested() -> None:
    for name in (name for names in SPLITS.values() for name in names):
        assert set(EXTREMES) <= set(frame(name)["disparity"].ravel().tolist())
        assert set(frame(name)["gtFine"].ravel().tolist()) == {*range(34), 255}
