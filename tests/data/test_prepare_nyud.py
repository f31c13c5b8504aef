"""``python -m src.prepare dataset=nyud`` from each public form of the archive, and what it says to mistakes."""

import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from src.app.composing import composed_values
from src.data.sources.nyud import Nyud
from src.data.store.pack import read_frame
from src.data.store.reader import PackedStore
from src.foundation.errors import UserError
from tests.conftest import Workspace
from tests.data.nyud.data import FLOOR, FORMS, SHAPE, SPLITS, SUFFIXES, frame, save, write

PADDED = ("dataset=nyud", "dataset.size=[36,48]")
INSIDE = np.s_[1:35, 2:46]  # where a frame of 34x44 stands in one of 36x48


def prepared(workspace: Workspace, source: Path, *arguments: str) -> PackedStore:
    result = workspace.call("prepare", *PADDED, f"source={source}", *arguments)
    assert result.code == 0, result.out
    store = PackedStore.open(workspace.root / "data" / "nyud-36x48")
    store.verify()
    return store


def picture(root: Path, folder: str, name: str, form: str) -> np.ndarray:
    return np.array(Image.open(root / folder / (name + SUFFIXES[form][folder])))


def true_normals(root: Path, name: str, form: str) -> np.ndarray:
    """Unit vectors, x right, y up, z towards the camera."""
    if form == "npy":
        vectors = frame(name)["normals"].astype(np.float64)
    else:
        vectors = picture(root, "normals", name, form) / 127.5 - 1
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    valid = (length > (1e-3 if form == "npy" else 0.3)) & (length < 1.5)
    return np.where(valid, vectors / np.maximum(length, 1e-9), 0) * [1, -1, 1]


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_stored_as_it_was_written(workspace: Workspace, tmp_path: Path, form: str) -> None:
    root = write(tmp_path / "source", form)
    store = prepared(workspace, root)
    for split, names in (("train", SPLITS["train"]), ("test", SPLITS["val"])):
        assert store.manifest.splits[split].frames == names
        for index, name in enumerate(names):
            truth = frame(name)
            row = {kind: store.array(split, kind)[index] for kind in store.modalities(split)}
            inside = {kind: value[INSIDE] for kind, value in row.items()}
            assert np.array_equal(inside["image"], picture(root, "images", name, form))
            known = (truth["segmentation"] > 0) & (truth["segmentation"] < 255)
            assert np.array_equal(inside["label40"], np.where(known, truth["segmentation"].astype(int) - 1, -1))
            assert np.array_equal(inside["depth"], truth["depth"].astype(np.float16))
            assert np.array_equal(inside["edges"], truth["edge"])
            assert np.allclose(inside["normal"], true_normals(root, name, form), atol=1e-3)
            outside = np.ones((36, 48), bool)
            outside[INSIDE] = False
            marks = {"image": (124, 116, 104), "label40": -1, "depth": 0, "normal": 0, "edges": 255}
            assert row.keys() == marks.keys()
            assert all((row[kind][outside] == mark).all() for kind, mark in marks.items())
            assert (inside["normal"][inside["label40"] == FLOOR - 1, 1] >= 0).all()  # floors face up


def test_pictures_are_stretched_where_that_is_asked_for_and_shrunk_where_they_are_too_large(tmp_path: Path) -> None:
    root = write(tmp_path / "source", "png")
    stretched = Nyud(str(root), fit="scale").read("train", 0, (17, 22))
    truth = frame(SPLITS["train"][0])
    assert np.array_equal(
        stretched["label40"] + 1, np.where(truth["segmentation"] == 255, 0, truth["segmentation"])[1::2, 1::2]
    )
    shrunk = Nyud(str(root)).read("train", 0, (30, 22))
    assert np.array_equal(shrunk["label40"][6:23], stretched["label40"])
    assert (shrunk["label40"][:6] == -1).all()
    assert (shrunk["label40"][23:] == -1).all()
    assert np.isin(stretched["edges"], (0, 1)).all()
    assert stretched["edges"].sum() > truth["edge"][1::2, 1::2].sum()  # lines stay whole


def test_an_archive_one_level_deeper_is_found_and_another_file_that_is_there_too_is_passed_over(tmp_path: Path) -> None:
    root = write(tmp_path / "top" / "NYUD_MT", "png")
    (tmp_path / "top" / ".DS_Store").touch()
    (tmp_path / "top" / "notes").mkdir()
    (root / "images" / "._img_5001.png").write_bytes(b"of another system")
    source = Nyud(str(tmp_path / "top"))
    assert source.frames("train") == list(SPLITS["train"])
    again = pickle.loads(pickle.dumps(source)).read("test", 1, SHAPE)
    assert np.array_equal(again["image"], frame(SPLITS["val"][1])["images"])
    write(tmp_path / "top" / "other", "npy")
    with pytest.raises(UserError, match="several copies of NYUD: NYUD_MT, other"):
        Nyud(str(tmp_path / "top"))


def test_a_wrong_folder_is_told_what_was_looked_for(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "beach.jpg").touch()
    for place, words in (
        ("nowhere", "there is no folder"), ("", "found: beach.jpg"), ("beach.jpg", "beach.jpg is a file"),
    ):  # fmt: skip
        result = workspace.call("prepare", *PADDED, f"source={tmp_path}/{place}")
        assert result.code == 1
        assert words in result.out
        assert "gt_sets/train.txt, gt_sets/val.txt" in result.out
        assert "images/NAME.jpg, segmentation/NAME.png" in result.out
        assert "Traceback" not in result.out
    assert not (tmp_path / "data").exists()
    assert "has to be given" in workspace.call("prepare", *PADDED).out


@pytest.mark.parametrize(
    ("form", "gone", "words"),
    [
        ("npy", ("edge/img_5002.npy", "normals/img_5003.npy"),
         ("lacks 2 files", "normals/img_5003.npy, edge/img_5002.npy")),
        ("png", ("images/img_5010.png",), ("lacks 1 files", "images/img_5010.jpg (suffixes: .jpg, .png)")),
        ("mat", tuple(f"depth/{name}.mat" for names in SPLITS.values() for name in names),
         ("lacks 5 files", "depth/img_5003.npy, depth/img_5001.npy, depth/img_5010.npy")),
        ("npy", ("gt_sets/val.txt",), ("gt_sets/val.txt cannot be read", "No such file")),
    ],
)  # fmt: skip
def test_missing_files_are_named(
    workspace: Workspace, tmp_path: Path, form: str, gone: tuple[str, ...], words: tuple[str, ...]
) -> None:
    root = write(tmp_path / "source", form)
    for name in gone:
        (root / name).unlink()
    result = workspace.call("prepare", *PADDED, f"source={root}")
    assert result.code == 1
    assert all(word in result.out for word in words), result.out
    assert "Traceback" not in result.out
    assert not (tmp_path / "data" / "nyud-36x48").exists()


def first_frame(root: Path) -> dict[str, np.ndarray]:
    return read_frame(Nyud(str(root)), ("train", 0), SHAPE)


def text(content: str) -> Callable[[Path], object]:
    return lambda path: path.write_text(content)


def value(array: np.ndarray) -> Callable[[Path], object]:
    return lambda path: save(path, array)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:150])


@pytest.mark.parametrize(
    ("form", "name", "change", "words"),
    [
        ("npy", "gt_sets/val.txt", text("img_5002\nimg_5001\n"), "lists the frame img_5001 twice"),
        ("npy", "gt_sets/train.txt", text("\n \n"), "names no frame"),
        ("npy", "segmentation/img_5003.png", value(np.full(SHAPE, 41)), "holds no labels of NYUD"),
        ("mat", "segmentation/img_5003.mat", text("no MATLAB"), "img_5003.mat is no MATLAB file"),
        ("mat", "depth/img_5003.mat", cut, "img_5003.mat is not whole"),
        ("npy", "depth/img_5003.npy", value(np.zeros((*SHAPE, 3))), "holds no depth"),
        ("npy", "depth/img_5003.npy", value(np.zeros(SHAPE, complex)), "holds complex numbers"),
        ("npy", "depth/img_5003.npy", value(np.ones((40, 40), np.float32)), "does not fit its image"),
        ("npy", "normals/img_5003.npy", value(np.full((*SHAPE, 3), 128, np.uint8)), "holds no normals"),
        ("npy", "normals/img_5003.npy", value(np.full((*SHAPE, 3), 128.0)), "values beyond 1"),
        ("npy", "normals/img_5003.npy", value(np.zeros((*SHAPE, 2), np.float32)), "holds no normals"),
        ("npy", "edge/img_5003.npy", value(np.full(SHAPE, 0.5)), "holds 0.5"),
        ("png", "edge/img_5003.png", value(np.full(SHAPE, 0.5)), "holds 127"),
        ("png", "edge/img_5003.png", value(np.zeros((*SHAPE, 3))), "is no edge map"),
        ("png", "images/img_5003.png", cut, "img_5003.png cannot be read"),
    ],
)  # fmt: skip
def test_what_the_archive_cannot_hold_is_refused(
    tmp_path: Path, form: str, name: str, change: Callable[[Path], object], words: str
) -> None:
    root = write(tmp_path, form)
    change(root / name)
    with pytest.raises(UserError) as error:
        first_frame(root)
    assert words in str(error.value)


def test_edges_are_measured_with_the_tolerance_of_the_dataset() -> None:
    for dataset, tasks, tolerance in (
        ("nyud", ["semantic", "depth", "normal", "edges"], 0.011),
        ("pascal_context", ["semantic", "human_parts", "normal", "saliency", "edges"], 0.0075),
    ):
        config = composed_values("train", [f"dataset={dataset}"])
        assert list(config["tasks"]) == tasks
        assert config["tasks"]["edges"]["max_distance"] == tolerance
        teacher = composed_values("train", [f"dataset={dataset}", "stage=teacher", "task=edges"])
        assert teacher["task"]["max_distance"] == tolerance
    assert composed_values("train", ["dataset=rooms", "tasks=[edges]"])["tasks"]["edges"]["max_distance"] == 0.0075


def test_floors_that_face_down_are_refused_until_the_axes_are_told(tmp_path: Path) -> None:
    root = write(tmp_path)
    for name in SPLITS["train"]:
        save(root / "normals" / f"{name}.npy", frame(name)["normals"] * np.float32([1, -1, 1]))
    with pytest.raises(UserError, match="floors face down") as error:
        Nyud(str(root))
    assert error.value.mend == "'dataset.source.normal_signs=[1,1,1]'"
    normals = Nyud(str(root), normal_signs=(1, 1, 1)).read("train", 0, SHAPE)["normal"]
    assert np.allclose(normals, true_normals(root, SPLITS["train"][0], "npy"), atol=1e-3)
