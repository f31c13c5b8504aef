"""The official file of NYUv2 and its ``splits.mat``."""

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
from scipy.io import savemat

from tests.bad_input.harms import content, cut, device, fifo, flipped, folder, link, replaced
from tests.bad_input.harness import Case, Harm

MAT, SPLITS = "nyu_depth_v2_labeled.mat", "splits.mat"


def edited(change: Callable[[h5py.File], object]) -> Harm:
    def harm(root: Path) -> None:
        with h5py.File(root / MAT, "r+") as file:
            change(file)

    return harm


def array(name: str, change: Callable[[np.ndarray], object]) -> Harm:
    def put(file: h5py.File) -> None:
        value = change(file[name][:])
        del file[name]
        file[name] = value

    return edited(put)


def instead(name: str, put: Callable[[h5py.File], object]) -> Harm:
    def change(file: h5py.File) -> None:
        del file[name]
        put(file)

    return edited(change)


def splits(**columns: object) -> Harm:
    def harm(root: Path) -> None:
        both = {"trainNdxs": [[1], [3], [4]], "testNdxs": [[2], [5]]} | columns
        savemat(root / SPLITS, {key: value for key, value in both.items() if value is not None})

    return harm


def version_5(root: Path) -> None:
    savemat(root / MAT, {"images": np.zeros((3, 3))})


def version_73(root: Path) -> None:
    replaced(root / SPLITS)
    with h5py.File(root / SPLITS, "w", userblock_size=512) as file:
        file["trainNdxs"] = np.ones((1, 3))


def some(value: np.ndarray, put: float) -> np.ndarray:
    value[:, :5] = put
    return value


def shared(images: np.ndarray) -> np.ndarray:
    images[1] = images[0]
    return images


WHOLE = "is not a whole"
OFFICIAL = [
    ("cut at once", cut(MAT, 0.001), (MAT, WHOLE)),
    ("cut in the middle", cut(MAT, 0.5), (MAT, WHOLE)),
    ("damaged at the start", flipped(MAT, 0.0), (MAT, WHOLE)),
    ("empty", content(MAT, b""), (MAT, WHOLE)),
    ("text", content(MAT, b"hello"), (MAT, WHOLE)),
    ("version 5", version_5, (MAT, "version 5")),
    ("npy", lambda root: (root / MAT).write_bytes(b"\x93NUMPY\x01\x00"), (MAT, WHOLE)),
    ("pipe", fifo(MAT), (MAT, "pipe")),
    ("device", device(MAT), (MAT, "device")),
    ("folder", folder(MAT), (MAT, "directory")),
    ("link to itself", link(MAT, MAT), ("links",)),
    ("depths one too few", array("depths", lambda v: v[:-1]), (MAT, "do not belong together", "depths")),
    ("depths of another size", array("depths", lambda v: v[:, :60]), (MAT, "do not belong together")),
    ("images in floats", array("images", lambda v: v / 255), (MAT, "images is float64")),
    ("images of 16 bits", array("images", lambda v: v.astype(np.uint16) * 257), (MAT, "images is uint16")),
    ("images of 2 axes", array("images", lambda v: v[0, 0]), (MAT, "images is uint8 (64, 48)")),
    ("images of 4 channels", array("images", lambda v: np.repeat(v, 2, 1)[:, :4]), (MAT, "4")),
    ("labels beyond 894", array("labels", lambda v: v + 900), (MAT, "of 894 classes")),
    ("labels in floats", array("labels", lambda v: v.astype(float)), (MAT, "labels is float64")),
    ("a group for depths", instead("depths", lambda f: f.create_group("depths")), (MAT, "depths is a group")),
    ("no labels", edited(lambda f: f.pop("labels")), (MAT, "no labels")),
    ("external link", instead("depths", lambda f: f.__setitem__("depths", h5py.ExternalLink("/etc/x", "/a"))),
     (MAT, "depths is a link")),
    ("soft link", instead("depths", lambda f: f.__setitem__("depths", h5py.SoftLink("/images"))), (MAT, "is a link")),
    ("values elsewhere", instead("depths", lambda f: f.create_dataset(
        "depths", (5, 64, 48), "f4", external=[("/etc/hostname", 0, h5py.h5f.UNLIMITED)])), (MAT, "other files")),
    ("names in numbers", array("names", lambda v: np.zeros(894)), (MAT, "not references")),
    ("names too few", edited(lambda f: (f["names"].__class__ and f.move("names", "old")) or f.__setitem__(
        "names", f["old"][:, :893])), (MAT, "names")),
    ("no names", edited(lambda f: f.pop("names")), (MAT, "no names")),
    ("no depth", array("depths", np.zeros_like), ("depth", "accept=[nothing_valid]")),
    ("depth in mm", array("depths", lambda v: v * 1000), ("depth", "accept=[depth_range]")),
    ("depth with NaN", array("depths", lambda v: some(v, np.nan)), ("depth", "accept=[not_finite]")),
    ("negative depth", array("depths", lambda v: some(v, -1)), ("depth", "accept=[out_of_range]")),
    ("depth of 1e30", array("depths", lambda v: some(v, 1e30)), ("depth", "float16")),
    ("no labels", array("labels", np.zeros_like), ("label", "accept=[nothing_valid]")),
    ("one class", array("labels", lambda v: np.full_like(v, 5)), ("label", "accept=[one_class]")),
    ("shared frames", array("images", shared), ("0001 = 0002", "accept=[shared_frames]")),
]  # fmt: skip
SPLIT = [
    ("text", content(SPLITS, b"1 3 4\n"), (SPLITS, "does not begin as MATLAB")),
    ("empty", content(SPLITS, b""), (SPLITS, "does not begin as MATLAB")),
    ("cut", cut(SPLITS, 0.6), (SPLITS,)),
    ("version 7.3", version_73, (SPLITS, "7.3")),
    ("folder", folder(SPLITS), (SPLITS, "directory")),
    ("pipe", fifo(SPLITS), (SPLITS, "pipe")),
    ("link to itself", link(SPLITS, SPLITS), (SPLITS, "links")),
    ("without test", splits(testNdxs=None), (SPLITS, "no testNdxs")),
    ("without keys", splits(trainNdxs=None, testNdxs=None), (SPLITS, "trainNdxs", "testNdxs")),
    ("fractions", splits(trainNdxs=[[1.5], [3.0]]), (SPLITS, "whole number")),
    ("NaN", splits(trainNdxs=[[1.0], [np.nan]]), (SPLITS, "whole number")),
    ("words", splits(trainNdxs="1, 3"), (SPLITS, "no numbers")),
    ("complex", splits(trainNdxs=[[1 + 1j]]), (SPLITS, "no numbers")),
    ("frame 0", splits(trainNdxs=[[0], [1]]), (SPLITS, "train", "frame 0")),
    ("frame -1", splits(testNdxs=[[-1], [2]]), (SPLITS, "test", "frame -1")),
    ("twice", splits(trainNdxs=[[1], [1], [3]]), (SPLITS, "train", "twice")),
    ("shared", splits(testNdxs=[[2], [3]]), (SPLITS, "both splits", "3")),
    ("beyond", splits(testNdxs=[[2], [99]]), ("5 frames", "frame 99")),
    ("no frames", splits(testNdxs=np.zeros((0, 1))), (SPLITS, "test", "no frame")),
]
TAKEN = [
    ("splits in floats", splits(trainNdxs=[[1.0], [3.0], [4.0]])),
    ("nested folder", lambda root: ((root / "x").mkdir(), [(root / n).rename(root / "x" / n) for n in (MAT, SPLITS)])),
]
CASES = [
    *(Case(name, "mat", harm, words) for name, harm, words in OFFICIAL),
    *(Case(f"splits.mat, {name}", "mat", harm, words) for name, harm, words in SPLIT),
    *(Case(name, "mat", harm) for name, harm in TAKEN),
]
