"""``python -m src.prepare`` from each form of NYUv2, normals from depth, and what it says to mistakes."""

import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from src.data.sources.normals import NYUV2_CAMERA, normals_from_depth
from src.data.sources.nyuv2 import open_nyuv2
from src.data.store.reader import PackedStore
from src.foundation.errors import UserError
from src.modalities.resizing import resize_depth, resize_image, resize_nearest
from tests.conftest import REPOSITORY, Workspace
from tests.data.nyuv2.data import SHAPE, frame, write_mat, write_mtan, write_pictures

TRAIN, TEST = [1, 3, 4], [2, 5]
BASIC = ("image", "depth", "label13")
WHOLE = "dataset.size=[48,64]"


def write(form: str, root: Path) -> Path:
    if form == "mat":
        return write_mat(root, TRAIN, TEST)
    if form == "mtan":
        return write_mtan(root / "mtan", TRAIN, TEST)
    more = {"pictures": (), "pictures with normals": ("normal", "label40")}[form]
    return write_pictures(root / "pictures", TRAIN, TEST, (*BASIC, *more))


def angle(one: np.ndarray, two: np.ndarray) -> np.ndarray:
    one, two = one.astype(np.float64), two.astype(np.float64)
    cosine = (one * two).sum(-1) / np.linalg.norm(one, axis=-1) / np.linalg.norm(two, axis=-1)
    return np.degrees(np.arccos(np.clip(cosine, -1, 1)))


@pytest.mark.parametrize("form", ["mat", "mtan", "pictures", "pictures with normals"])
def test_every_form_gives_the_same_store(workspace: Workspace, tmp_path: Path, form: str) -> None:
    source = write(form, tmp_path)
    result = workspace.call("prepare", "dataset=nyuv2", f"source={source}", WHOLE)
    assert result.code == 0, result.out
    store = PackedStore.open(tmp_path / "data" / "nyuv2-48x64")
    forty = ["label40"] if form in ("mat", "pictures with normals") else []
    for split, numbers in (("train", TRAIN), ("test", TEST)):
        assert store.modalities(split) == ["depth", "image", "label13", *forty, "normal"]
        for index, number in enumerate(numbers):
            truth = frame(number)
            for name in ("image", "label13", *forty):
                assert np.array_equal(store.array(split, name)[index], truth[name]), name
            np.testing.assert_allclose(store.array(split, "depth")[index], truth["depth"], atol=2e-3)
            limit = 3.0 if form == "pictures" else 0.7  # fitted to millimetres in tiny windows, or else rounded only
            assert np.median(angle(store.array(split, "normal")[index], truth["normal"])) < limit
    assert store.manifest.splits["train"].frames[1] == ("1" if form == "mtan" else "0003")


def test_a_smaller_size_keeps_labels_depth_and_normals(tmp_path: Path) -> None:
    source = open_nyuv2(str(write_mat(tmp_path, TRAIN, TEST)))
    small, truth = source.read("train", 1, (12, 16)), frame(3)
    assert small["image"].shape == (12, 16, 3)
    middle = (slice(2, None, 4), slice(2, None, 4))  # nearest to the middle of 4x4 pixels
    assert np.array_equal(small["label40"], truth["label40"][middle])
    assert np.array_equal(small["depth"], truth["depth"][middle])
    assert angle(small["normal"], truth["normal"][middle]).max() < 0.5


@pytest.mark.parametrize("form", ["mat", "mtan", "pictures"])
def test_sources_go_to_other_processes(tmp_path: Path, form: str) -> None:
    source = open_nyuv2(str(write(form, tmp_path)))
    before = source.read("test", 1, SHAPE)
    after = pickle.loads(pickle.dumps(source)).read("test", 1, SHAPE)
    assert before.keys() == after.keys()
    assert all(np.array_equal(before[name], after[name]) for name in before)


def test_thirteen_classes_follow_from_forty(tmp_path: Path) -> None:
    source = open_nyuv2(str(write_pictures(tmp_path / "p", TRAIN, TEST, ("image", "depth", "label40"))))
    assert np.array_equal(source.read("train", 0, SHAPE)["label13"], frame(1)["label13"])


@pytest.mark.parametrize(
    ("bits", "scale", "factor"), [(8, None, 1.0), (16, None, 1.0), (16, 500.0, 2.0), (8, 51.0, 0.5)]
)
def test_depth_scale(tmp_path: Path, bits: int, scale: float | None, factor: float) -> None:
    source = open_nyuv2(str(write_pictures(tmp_path / "p", TRAIN, TEST, BASIC, bits)), scale)
    np.testing.assert_allclose(source.read("test", 0, SHAPE)["depth"], frame(2)["depth"] * factor, atol=0.021 * factor)


def test_normals_of_a_plane_are_exact() -> None:
    for number in range(20):
        truth = frame(number, (96, 128))
        assert angle(normals_from_depth(truth["depth"]), truth["normal"]).max() < 0.5


def test_knowing_the_step_of_8_bit_depth_keeps_its_terraces_out_of_normals() -> None:
    errors = {0.0: 0.0, 1 / 25.5: 0.0}
    for number in range(5):
        truth = frame(number, (288, 384))
        stepped = np.floor(truth["depth"] * 25.5) / 25.5
        for step in errors:
            errors[step] += float(np.median(angle(normals_from_depth(stepped, step=step), truth["normal"]))) / 5
    assert errors[1 / 25.5] < 3
    assert errors[1 / 25.5] < errors[0.0] / 4


def test_normals_do_not_smear_over_a_depth_edge_and_stay_away_from_holes() -> None:
    left, right = frame(1, (96, 128)), frame(2, (96, 128))
    columns = np.arange(128) < 60
    depth = np.where(columns, left["depth"], right["depth"] + 3)
    depth[40:50, 20:30] = 0
    found = normals_from_depth(depth)
    assert not found[40:50, 20:30].any()
    x, y = NYUV2_CAMERA.rays(96, 128)
    # depth + 3 is no plane any more: its normal by the cross product of its two tangents
    points = np.stack([x * (right["depth"] + 3), -y * (right["depth"] + 3), -(right["depth"] + 3)], -1)
    across = np.gradient(points, axis=1)
    down = np.gradient(points, axis=0)
    truth = np.where(columns[:, None], left["normal"], np.cross(down, across))
    wrong = angle(np.where((depth > 0)[..., None], found, truth), truth)
    assert wrong.max() < 8
    assert wrong[:, 56:60].mean() < 1


def test_no_depth_gives_no_normals() -> None:
    assert not normals_from_depth(np.zeros((24, 32), np.float32)).any()
    assert not normals_from_depth(np.full((24, 32), np.nan, np.float32)).any()


def test_resizing_depth_never_mixes_with_holes() -> None:
    depth = np.full((8, 8), 2.0)
    depth[2, 2] = 0  # the middle of the cell it lies in, which has other values
    depth[4:8, 4:8] = 0  # a whole cell
    assert resize_depth(depth, (2, 2)).tolist() == [[2, 2], [2, 0]]
    assert resize_depth(depth, (16, 16)).shape == (16, 16)
    assert set(np.unique(resize_depth(depth, (16, 16)))) == {0, 2}


def test_resizing_pictures_averages_and_maps_do_not() -> None:
    checker = np.indices((64, 64)).sum(0) % 2
    picture = np.repeat((checker * 255).astype(np.uint8)[..., None], 3, -1)
    assert np.ptp(resize_image(picture, (8, 8)).astype(int)) < 30
    assert set(np.unique(resize_nearest(checker * 7, (9, 5)))) <= {0, 7}


def test_again_is_nothing_and_other_settings_need_a_word(workspace: Workspace, tmp_path: Path) -> None:
    source = write("pictures", tmp_path)
    arguments = ("dataset=nyuv2", f"source={source}", WHOLE)
    assert workspace.call("prepare", *arguments).code == 0
    root = tmp_path / "data" / "nyuv2-48x64"
    before = (root / "manifest.json").stat().st_mtime_ns
    again = workspace.call("prepare", *arguments)
    assert again.code == 0
    assert "already prepared" in again.out
    assert (root / "manifest.json").stat().st_mtime_ns == before
    other = workspace.call("prepare", *arguments, "dataset.source.depth_scale=500")
    assert other.code == 1
    assert "depth scale 500" in other.out
    assert "overwrite=true" in other.out
    assert workspace.call("prepare", *arguments, "dataset.source.depth_scale=500", "overwrite=true").code == 0
    assert "depth scale 500" in PackedStore.open(root).manifest.source


def test_a_damaged_store_is_prepared_anew_by_the_command_that_its_error_names(
    workspace: Workspace, tmp_path: Path
) -> None:
    arguments = ("dataset=nyuv2", f"source={write('pictures', tmp_path)}", WHOLE)
    assert workspace.call("prepare", *arguments).code == 0
    path = tmp_path / "data" / "nyuv2-48x64" / "train" / "image.npy"
    whole = path.read_bytes()
    path.write_bytes(whole[:-100])
    result = workspace.call("prepare", *arguments)
    assert result.code == 0
    assert "image.npy is damaged" in result.out
    assert path.read_bytes() == whole


def harm_missing(root: Path) -> None:
    for number in (1, 3):
        (root / "train" / "depth" / f"{number:04d}.png").unlink()


def harm_corrupt(root: Path) -> None:
    path = root / "test" / "label13" / "0005.png"
    path.write_bytes(path.read_bytes()[:60])


def harm_not_a_picture(root: Path) -> None:
    (root / "train" / "image" / "0004.png").write_text("hello")


def harm_coloured_depth(root: Path) -> None:
    Image.new("RGB", (64, 48)).save(root / "train" / "depth" / "0001.png")


def harm_class(root: Path) -> None:
    Image.new("L", (64, 48), 77).save(root / "train" / "label13" / "0003.png")


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (harm_missing, ("lacks 2 pictures", "depth/0001, depth/0003")),
        (harm_corrupt, ("test/label13/0005.png cannot be read",)),
        (harm_not_a_picture, ("train/image/0004.png cannot be read",)),
        (harm_coloured_depth, ("train/depth/0001.png is no depth map", "RGB")),
        (harm_class, ("label13 of train frame 0003 holds class 76",)),
    ],
)
def test_bad_pictures_are_named(workspace: Workspace, tmp_path: Path, harm, words: tuple[str, ...]) -> None:
    source = write("pictures", tmp_path)
    harm(source)
    result = workspace.call("prepare", "dataset=nyuv2", f"source={source}", WHOLE)
    assert result.code == 1
    assert all(word in result.out for word in words), result.out
    assert "Traceback" not in result.out
    assert not (tmp_path / "data" / "nyuv2-48x64").exists()


def test_a_mended_picture_lets_it_continue(workspace: Workspace, tmp_path: Path) -> None:
    # of 12 frames 8 are surveyed first, and not the third of them
    source = write_pictures(tmp_path / "pictures", range(1, 13), [13, 14], BASIC)
    path = source / "train" / "label13" / "0003.png"
    whole = path.read_bytes()
    path.write_bytes(whole[:60])
    assert workspace.call("prepare", "dataset=nyuv2", f"source={source}", WHOLE).code == 1
    path.write_bytes(whole)
    result = workspace.call("prepare", "dataset=nyuv2", f"source={source}", WHOLE)
    assert result.code == 0
    assert "2 of 14 frames are done" in result.out


def test_other_bad_sources(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="has to be given"):
        open_nyuv2(None)
    with pytest.raises(UserError, match="there is no"):
        open_nyuv2(str(tmp_path / "nowhere"))
    (tmp_path / "holiday").mkdir()
    (tmp_path / "holiday" / "beach.jpg").touch()
    with pytest.raises(UserError, match=r"(?s)nyu_depth_v2_labeled.*MTAN.*pictures.*found: beach\.jpg"):
        open_nyuv2(str(tmp_path / "holiday"))
    with pytest.raises(UserError, match="depth_scale is for a folder of pictures"):
        open_nyuv2(str(write("mtan", tmp_path)), 1000)
    (tmp_path / "mtan" / "val" / "normal" / "1.npy").unlink()
    with pytest.raises(UserError, match=r"lacks 1 files(?s:.*)normal/1\.npy"):
        open_nyuv2(str(tmp_path / "mtan"))


def test_a_bad_official_file(tmp_path: Path) -> None:
    path = write_mat(tmp_path, TRAIN, TEST)
    (tmp_path / "splits.mat").rename(tmp_path / "elsewhere.mat")
    with pytest.raises(UserError, match="has 5 frames, the split names frame 1449"):
        open_nyuv2(str(tmp_path))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match="is not a whole"):
        open_nyuv2(str(path))


def test_without_h5py_the_official_file_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_mat(tmp_path, TRAIN, TEST)
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(UserError) as error:
        open_nyuv2(str(path))
    assert error.value.mend == "pip install 'mtl-distillation[mat]'"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("dataset=nyuv2",), "python -m src.prepare dataset=nyuv2 source=PATH"),
        (("dataset=nyuv3",), "options of dataset are cityscapes, folder, nyud, nyuv2, "),
        (("colour=red",), "there is no key colour"),
        (("dataset.size=[4",), "no viable alternative at input '[4'"),
        (("dataset.size=${nothing}",), "nothing"),
        (("dataset.source.train=0",), "rooms cannot draw 0"),
    ],
)
def test_mistakes_on_the_command_line_are_told_plainly(
    workspace: Workspace, arguments: tuple[str, ...], words: str
) -> None:
    result = workspace.call("prepare", *arguments)
    assert result.code == 1
    assert words in result.out
    assert "Traceback" not in result.out


def test_bugs_keep_their_trace(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("src.prepare.plan", lambda *_: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        workspace.call("prepare")


def test_an_interrupt_ends_with_130(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("src.prepare.plan", interrupt)
    assert workspace.call("prepare").code == 130


def test_rooms_from_any_working_directory(tmp_path: Path) -> None:
    repository = str(REPOSITORY)
    command = [sys.executable, "-m", "src.prepare", "dataset=rooms", "dataset.size=[12,16]"]
    command += ["dataset.source.train=3", "dataset.source.test=2"]
    process = subprocess.run(
        command, cwd=tmp_path, env=os.environ | {"PYTHONPATH": repository}, capture_output=True, text=True, timeout=120
    )
    assert process.returncode == 0, process.stderr
    store = PackedStore.open(tmp_path / "data" / "rooms-12x16")
    assert (store.count("train"), store.count("test")) == (3, 2)
    assert not np.array_equal(store.array("train", "image")[0], store.array("test", "image")[0])
    assert [path.name for path in tmp_path.iterdir()] == ["data"]
