"""Mistakes in a folder of one's own: each is one message that names the file or key, and several come together."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from src.data.sources.folder import open_folder
from src.data.store.pack import read_frame
from src.foundation.errors import UserError
from tests.conftest import Workspace
from tests.data.folder.data import MAPS, SHARES, SIZE, describe, village, write_map

FOLDERS = {"train": "train", "test": "test"}
LISTS = {"train": "train.txt", "test": "test.txt"}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return village(tmp_path_factory.mktemp("village"), MAPS | {"depth": {"path": "depth/{name}.npy", "kind": "scalar"}})


@pytest.fixture
def source(written: Path, tmp_path: Path) -> Path:
    """A copy to break."""
    return Path(shutil.copytree(written, tmp_path / "source"))


def refusal(source: Path) -> str:
    """Open a folder and read all of it; returns the message."""
    with pytest.raises(UserError) as error:
        read_all(source)
    return str(error.value)


def read_all(source: Path) -> None:
    opened = open_folder(str(source))
    for split in opened.splits:
        for index in range(len(opened.frames(split))):
            read_frame(opened, (split, index), SIZE)


def one(key: str, **change: Any) -> dict[str, Any]:
    return {"maps": MAPS | {key: MAPS[key] | change}}


KEYS: list[tuple[dict[str, Any], list[str]]] = [
    ({"nam": "x"}, ["there is no key nam", "name: x"]),
    (one("height", sclae=5), ["there is no key modalities.height.sclae", "modalities.height.scale: 5"]),
    ({"splits": {"train": 0.5, "tset": 0.5}}, ["there is no key splits.tset", "splits.test is missing"]),
    ({"name": "../elsewhere"}, ["name=../elsewhere"]),
    ({"name": 5}, ["name=5 is not text"]),
    ({"size": [0, 10]}, ["size.0=0 is not at least 16", "size.1=10"]),
    ({"size": [100]}, ["size"]),
    ({"size": [100_000, 100]}, ["size.0=100000 is not at most 8192"]),
    ({"splits": {"train": 0.7, "test": 0.2}}, ["add up to 0.9"]),
    ({"splits": {"train": 1.2, "test": -0.2}}, ["splits.train=1.2 is no share", "splits.test=-0.2"]),
    ({"splits": {"train": "train", "test": 0.2}}, ["mixes several ways (train: train, test: 0.2)"]),
    ({"splits": FOLDERS | {"seed": 1}}, ["splits.seed is set"]),
    ({"splits": FOLDERS}, ["modalities.image.path=image/{name}.png does not say in which folder a split is"]),
    ({"splits": {"train": "../train", "test": "/test"}}, ["splits.train=../train leaves", "splits.test=/test leaves"]),
    (one("image", path="/etc/{name}.png"), ["image.path=/etc/{name}.png leaves the folder"]),
    (one("image", path="a/../../{name}.png"), ["leaves the folder"]),
    (one("image", path="image\\{name}.png"), ["separated by /"]),
    (one("height", mask="../{name}.png"), ["height.mask=../{name}.png leaves the folder"]),
    (one("image", path="image/{id}.png"), ["holds {id}"]),
    (one("image", path="image/*.png"), ["lacks {name}"]),
    (one("image", path="{split}/{name}.png"), ["holds {split}", "drawn"]),
    (one("image", kind="photo"), ["modalities.image.kind=photo is not one of image, classes"]),
    (one("height", kind="image"), ["the images among the modalities are image, height"]),
    ({"maps": {"image": MAPS["image"]}}, ["no modality beside the image"]),
    ({"maps": {"label": MAPS["label"]}}, ["the images among the modalities are none"]),
    ({"maps": MAPS | {"a/b": MAPS["height"]}}, ["modalities.a/b is no name of a map"]),
    (one("height", threshold=4), ["height.threshold is set, but the map is of kind scalar", "binary has it"]),
    (one("height", scale=0), ["height.scale=0 is not above 0"]),
    (one("height", scale=-1), ["height.scale=-1"]),
    (one("height", scale=float("nan")), ["height.scale", "finite"]),
    (one("height", scale=float("inf")), ["height.scale", "finite"]),
    (one("height", scale="much"), ["height.scale=much is not a number"]),
    (one("height", low=5, high=5), ["low=5.0 is not below high=5.0"]),
    (one("height", resize="any"), ["resize=any is for binary maps"]),
    (one("edges", threshold=1, positive=1), ["both threshold and positive"]),
    (one("label", classes=None), ["label.classes is missing"]),
    (one("label", classes=["a", "a"]), ["two classes have one name"]),
    (one("label", classes={"a": [0, 0, 0], "b": [0, 0, 0]}), ["two classes have one colour"]),
    (one("label", classes={"a": "b"}), ["classes maps a to a name"]),
    (one("label", classes={0: "a"}, offset=1), ["offset is for a list"]),
    (one("label", ignore=2), ["both a class and ignored"]),
    (one("label", ignore=[[0, 0, 0]]), ["ignore holds a colour"]),
    (one("label", colours=[[0, 0, 0]]), ["6 class names but 1 colours"]),
    (one("label", colours=[[0, 0, 256]] * 6), ["256", "at most 255"]),
]


@pytest.mark.parametrize(("change", "told"), KEYS, ids=[told[0] for _, told in KEYS])
def test_a_mistake_in_the_description_is_named(source: Path, change: dict[str, Any], told: list[str]) -> None:
    describe(source, **{"maps": MAPS, "splits": SHARES} | change)
    message = refusal(source)
    assert str(source / "dataset.yaml") in message
    assert not [words for words in told if words not in message], message


def test_all_mistakes_in_a_description_come_at_once(workspace: Workspace, source: Path) -> None:
    maps = MAPS | {"height": {"kind": "scalar", "scale": 0}, "edges": MAPS["edges"] | {"unit": "m"}}
    describe(source, maps, {"train": 0.9, "test": 0.2}, nam="x", size=[1, 2])
    result = workspace.call("prepare", "dataset=folder", f"source={source}")
    assert result.code == 1
    assert "7 mistakes" in result.out
    assert not (workspace.root / "data").exists()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("name: a\nname: b\n", "line 2: the key name is there twice"),
        ("a: &x [1]\nb: *x\n", "aliases"),
        ("a: !!python/object/apply:os.system [ls]\n", "line 1"),
        ("a: [1\n", "no valid YAML"),
        ("[" * 700, "cannot be read"),
        ("- a\n", "holds no mapping"),
        ("", "holds no mapping"),
        ("name: \x00", "cannot be read"),
        ("2020-01-01: x\n? null\n: y\n", "there is no key 2020-01-01"),
    ],
)
def test_what_is_no_plain_yaml_is_refused(source: Path, text: str, told: str) -> None:
    (source / "dataset.yaml").write_text(text)
    assert told in refusal(source)


FULL = np.full(SIZE, 77, np.uint8)
COLOURED = np.tile(np.arange(3, dtype=np.uint8), (*SIZE, 1))


def picture(name: str, value: np.ndarray) -> Callable[[Path], Any]:
    return lambda source: Image.fromarray(value).save(source / name)


def link(source: Path, name: str, target: str) -> None:
    (source / name).unlink()
    (source / name).symlink_to(target)


def pipe(source: Path) -> None:
    (source / "image/003.png").unlink()
    os.mkfifo(source / "image/003.png")


def any_ending(source: Path) -> None:
    Image.new("RGB", SIZE[::-1]).save(source / "image/003.jpg")
    describe(source, MAPS | {"image": {"path": "image/{name}.*", "kind": "image"}})


def copies(source: Path) -> None:
    for path in (source / "image").iterdir():
        if path.name != "000.png":
            shutil.copy(source / "image/000.png", path)


def no_maps(source: Path) -> None:
    for name in (*MAPS, "depth"):
        shutil.rmtree(source / name)


def of_lists(train: str, test: str) -> Callable[[Path], Any]:
    def write(source: Path) -> None:
        (source / "train.txt").write_text(train)
        (source / "test.txt").write_text(test)
        describe(source, splits=LISTS)

    return write


def with_mask(source: Path) -> None:
    describe(source, MAPS | {"height": MAPS["height"] | {"mask": "mask/{name}.png"}})
    Image.new("L", (8, 8)).save(source / "mask/003.png")


def empty_test_folder(source: Path) -> None:
    for name in MAPS:
        write_map(source / "train" / name, name, 0)
    maps = {name: each | {"path": "{split}/" + each["path"]} for name, each in MAPS.items()}
    describe(source, maps, FOLDERS)


FILES: list[tuple[str, Callable[[Path], Any], list[str]]] = [
    ("one is missing", lambda s: (s / "label/003.png").unlink(), ["lacks 1 files", "label/003.png", "label has 19"]),
    ("all are missing", lambda s: shutil.rmtree(s / "label"), ["lacks 20 files", "label/000.png", "label has 0"]),
    ("no frame", no_maps, ["no frames are there", "image/{name}.png"]),
    ("empty split", empty_test_folder, ["the test split is empty", "test/image/{name}.png"]),
    ("two of one stem", any_ending, ["1 times several files of one name", "image/003.jpg and image/003.png"]),
    ("list is missing", lambda s: describe(s, splits=LISTS), ["train.txt, the list of train, cannot be read"]),
    ("empty list", of_lists("000\n", "\n# 1\n"), ["the test split is empty"]),
    ("listed, but not there", of_lists("000\nx y\n", "001"), ["lacks 4 files of train", "image/x y.png"]),
    ("listed with suffix", of_lists("000.png", "001"), ["lacks 4 files of train", "image/000.png.png"]),
    ("listed twice", of_lists("000\n000", "001"), ["train.txt names 000 more than once"]),
    ("in both lists", of_lists("000\n001", "001\n002"), ["train and test share 1 images", "001.png"]),
    ("same image", copies, ["train and val and test share 1 images", "image/0"]),
    ("other aspect", picture("height/003.png", np.zeros((32, 24), np.uint8)), ["height/003.png is 32x24"]),
    ("unknown class", picture("label/003.png", FULL), ["label/003.png holds the value 77", "values 0..5"]),
    ("colour as class", picture("label/003.png", COLOURED), ["label/003.png is a colour picture"]),
    ("grey edges", picture("edges/003.png", FULL), ["edges/003.png holds 77", "threshold"]),
    ("mask of another size", with_mask, ["mask/003.png is 8x8", "24x32"]),
    ("no picture", lambda s: (s / "image/003.png").write_text("x"), ["image/003.png cannot be read"]),
    ("link to itself", lambda s: link(s, "image/003.png", "003.png"), ["image/003.png is a link", "leads to itself"]),
    ("link to nothing", lambda s: link(s, "image/003.png", "none"), ["image/003.png is a link", "is not there"]),
    ("pipe", pipe, ["image/003.png is no file"]),
]  # fmt: skip
ARRAYS: list[tuple[str, np.ndarray, str]] = [
    ("channels", np.zeros((*SIZE, 3)), "(24, 32, 3)"),
    ("one dimension", np.zeros(5), "(5,)"),
    ("empty", np.zeros((0, 0)), "(0, 0)"),
    ("text", np.array([["a"]]), "<U1"),
    ("complex", np.zeros(SIZE, complex), "complex"),
    ("objects", np.array([[None]]), "depth/003.npy"),
]


@pytest.mark.parametrize(("damage", "told"), [case[1:] for case in FILES], ids=[case[0] for case in FILES])
def test_a_mistake_in_the_files_is_named(source: Path, damage: Callable[[Path], Any], told: list[str]) -> None:
    describe(source)
    damage(source)
    message = refusal(source)
    assert not [words for words in told if words not in message], message


@pytest.mark.parametrize(("value", "told"), [case[1:] for case in ARRAYS], ids=[case[0] for case in ARRAYS])
def test_an_array_that_is_no_map_is_named(source: Path, value: np.ndarray, told: str) -> None:
    describe(source, {"image": MAPS["image"], "depth": {"path": "depth/{name}.npy", "kind": "scalar"}})
    np.save(source / "depth/003.npy", value)
    message = refusal(source)
    assert "depth/003.npy" in message
    assert told in message


@pytest.mark.parametrize("argument", ["source=null", "source=/no/such/folder"])
def test_a_folder_that_is_not_there(workspace: Workspace, argument: str) -> None:
    result = workspace.call("prepare", "dataset=folder", argument)
    assert result.code == 1
    assert "python -m src.prepare dataset=folder source=DIR" in result.out
