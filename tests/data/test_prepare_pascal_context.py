"""``python -m src.prepare dataset=pascal_context`` from the layout of PASCAL_MT, and what it says to mistakes."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from src.data.labels.pascal_context import HUMAN_PARTS, PART_OF, VOC_21, WITH_NORMALS
from src.data.sources.pascal_context import PascalContext, borders
from src.data.store.pack import read_frame
from src.data.store.reader import PackedStore
from src.foundation.errors import UserError
from tests.conftest import Workspace, read_json
from tests.data.pascal_context.data import (
    FLOOR,
    IN_CONTEXT,
    PERSON,
    PLANE,
    SHAPES,
    SPLITS,
    WALL,
    WITHOUT_PARTS,
    WITHOUT_PERSON,
    annotation,
    frame,
    parts_seen,
    write,
)

SIZE = (40, 40)
TASKS = ("semantic", "human_parts", "normal", "saliency", "edges")
MARKS = {"image": (124, 116, 104), "label21": -1, "human_parts": -1, "normal": 0, "saliency": 255, "edges": 255}


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("pascal") / "PASCAL_MT")


def true_normals(name: str) -> np.ndarray:
    """Unit vectors, x right, y up, z towards the camera, on what the network that drew them knew."""
    value = frame(name)
    vectors = value["normals_distill"] / 127.5 - 1
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    known = np.isin(value["context"], (FLOOR, PERSON, WALL))[..., None] & (length > 0.3) & (length < 1.5)
    return np.where(known, vectors / np.maximum(length, 1e-9), 0) * [1, -1, 1]


def test_every_map_is_stored_as_it_was_written_in_the_middle_of_nothing(workspace: Workspace, archive: Path) -> None:
    result = workspace.call("prepare", "dataset=pascal_context", "dataset.size=[40,40]", f"source={archive.parent}")
    assert result.code == 0, result.out
    store = PackedStore.open(workspace.root / "data" / "pascal_context-40x40")
    store.verify()
    for split, names in (("train", SPLITS["train"]), ("test", SPLITS["val"])):
        assert store.manifest.splits[split].frames == names
        for index, name in enumerate(names):
            height, width = SHAPES[name]
            top, left = (40 - height) // 2, (40 - width) // 2
            inside = np.s_[top : top + height, left : left + width]
            outside = np.ones(SIZE, bool)
            outside[inside] = False
            row = {kind: store.array(split, kind)[index] for kind in store.modalities(split)}
            assert row.keys() == MARKS.keys()
            assert all((row[kind][outside] == mark).all() for kind, mark in MARKS.items())
            value = frame(name)
            classes = value["semseg"].astype(int)
            assert np.array_equal(row["image"][inside], np.array(Image.open(archive / f"JPEGImages/{name}.jpg")))
            assert np.array_equal(row["label21"][inside], np.where(classes == 255, -1, classes))
            assert np.array_equal(row["human_parts"][inside], parts_seen(name))
            assert np.array_equal(row["saliency"][inside], value["sal_distill"] >= 128)
            assert np.array_equal(row["edges"][inside], borders(value["context"]))
            assert np.allclose(row["normal"][inside], true_normals(name), atol=1e-3)
    unmarked = [name for names in SPLITS.values() for name in names if (parts_seen(name) == -1).all()]
    assert unmarked == [*WITHOUT_PERSON, *WITHOUT_PARTS]
    assert set(np.unique(parts_seen("2008_000002"))) == set(range(7))
    assert IN_CONTEXT[0] in SPLITS["train"]


def test_borders_are_those_of_the_public_loaders() -> None:
    labels = np.zeros((9, 12), np.uint16)
    labels[:, 6:] = 7
    labels[5:, :4] = 440
    labels[2:4, 8:11] = 158
    labels[0, 0], labels[4, 6], labels[7, 9], labels[6, 2:4] = 3, 1, 8, 0
    # of the same labels: cv2.Laplacian(labels, cv2.CV_64F) of OpenCV 5.0, then scikit-image 0.26's thin
    expected = """
        .#..........
        #....#......
        ......#.....
        .......###..
        ......#.....
        ##..##......
        ..##.#......
        ....#...##..
        ............
    """
    drawn = ["".join("#" if edge else "." for edge in row) for row in borders(labels)]
    assert drawn == expected.split()


def test_labels() -> None:
    assert len(VOC_21.names) == 21
    assert VOC_21.colours[:4] == ((0, 0, 0), (128, 0, 0), (0, 128, 0), (128, 128, 0))
    assert VOC_21.colours[15] == (192, 128, 128)
    assert len(PART_OF) == 24
    assert set(PART_OF.values()) == set(range(1, len(HUMAN_PARTS.names)))
    assert len(WITH_NORMALS) == 170
    assert PLANE not in WITH_NORMALS
    assert {FLOOR, PERSON, WALL} < set(WITH_NORMALS)


def test_five_tasks_train_together_on_pictures_of_several_sizes(workspace: Workspace, archive: Path) -> None:
    small = ("dataset=pascal_context", "dataset.size=[32,32]")
    assert workspace.call("prepare", *small, f"source={archive}").code == 0
    result = workspace.call(
        "train", *small, "stage=student", "distillation=none", "trainer=cpu", "trainer.max_epochs=1", "model=small",
        "model.filters=[4,6,8,8]", "dataset.batch_size=2", "dataset.workers=0", "trainer.precision=32-true",
        "pictures.count=1",
    )  # fmt: skip
    assert result.code == 0, result.out
    (run,) = workspace.runs()
    metrics = read_json(run / "metrics.json")["metrics"]
    for metric in ("semantic/miou", "human_parts/miou", "normal/mean_angle", "saliency/max_f", "edges/ods_f"):
        assert np.isfinite(metrics[metric]), metrics
    assert tuple(read_json(run / "run.json")["task_configs"]) == TASKS


@pytest.mark.parametrize(
    ("gone", "words"),
    [
        (("human_parts/2008_000008.mat", "sal_distill/2009_004887.png"),
         ("lacks 2 files", "human_parts/2008_000008.mat, sal_distill/2009_004887.png")),
        (("semseg/VOC12/2008_000002.png",), ("lacks 1 files", "semseg/pascal-context/2008_000002.png")),
        (("ImageSets/Context/train.txt",), ("ImageSets/Context/train.txt cannot be read",)),
    ],
)  # fmt: skip
def test_missing_files_are_named(tmp_path: Path, gone: tuple[str, ...], words: tuple[str, ...]) -> None:
    root = write(tmp_path)
    for name in gone:
        (root / name).unlink()
    with pytest.raises(UserError) as error:
        PascalContext(str(root))
    assert all(word in str(error.value) for word in words), error.value


def first_frame(root: Path) -> dict[str, np.ndarray]:
    return read_frame(PascalContext(str(root)), ("train", 0), SIZE)


def parts_of(**changed: object) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        anno = annotation("2008_000002")
        record = anno["objects"][0, 1]["parts"]
        for key, value in changed.items():
            record[0, 0][key] = value
        savemat(path, {"anno": anno})

    return change


def mat(**variables: object) -> Callable[[Path], None]:
    return lambda path: savemat(path, variables)


def raw(content: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(content)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


def damage(path: Path) -> None:
    whole = path.read_bytes()
    path.write_bytes(whole[:140] + bytes(20) + whole[160:])


def picture(mode: str, value: object, size: tuple[int, int] = (40, 30)) -> Callable[[Path], None]:
    return lambda path: Image.new(mode, size, value).save(path)


CONTEXT, PARTS = "pascal-context/trainval/2008_000002.mat", "human_parts/2008_000002.mat"


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        (CONTEXT, raw(b""), "2008_000002.mat is no MATLAB file"),
        (CONTEXT, raw(b"no MATLAB at all" * 20), "2008_000002.mat is no MATLAB file"),
        (CONTEXT, raw(b"MATLAB 7.3 MAT-file, HDF5 schema 1.00 .".ljust(124) + b"\x00\x02IM" + bytes(400)), "5 to 7"),
        (CONTEXT, cut, "2008_000002.mat is not whole"),
        (CONTEXT, damage, "2008_000002.mat is not whole"),
        (CONTEXT, mat(labels=np.zeros((30, 40))), "has no LabelMap"),
        (CONTEXT, mat(LabelMap=np.full((30, 40), 460)), "labels are 0..459"),
        (CONTEXT, mat(LabelMap=np.zeros((30, 20), np.uint16)), "does not fit its labels"),
        (PARTS, cut, "2008_000002.mat is not whole"),
        (PARTS, mat(anno=np.zeros((30, 40))), "is no file of PASCAL-Part"),
        (PARTS, mat(anno={"imname": "x", "objects": "text"}), "is no file of PASCAL-Part"),
        (PARTS, parts_of(part_name="wing"), "holds the part wing"),
        (PARTS, parts_of(mask=np.ones((3, 3))), "does not fit its image"),
        ("semseg/VOC12/2008_000002.png", picture("L", 21), "holds the label 21"),
        ("semseg/VOC12/2008_000002.png", picture("RGB", (0, 0, 0)), "is no label map"),
        ("semseg/VOC12/2008_000002.png", picture("L", 1, (40, 40)), "does not fit its image"),
        ("sal_distill/2008_000002.png", picture("RGBA", (0, 0, 0, 0)), "is no saliency map"),
        ("normals_distill/2008_000002.png", raw(b"PNG"), "normals_distill/2008_000002.png cannot be read"),
    ],
)  # fmt: skip
def test_what_the_archive_cannot_hold_is_refused(
    tmp_path: Path, name: str, change: Callable[[Path], object], words: str
) -> None:
    root = write(tmp_path)
    change(root / name)
    with pytest.raises(UserError) as error:
        first_frame(root)
    assert words in str(error.value)
    assert str(root / name) in str(error.value)
