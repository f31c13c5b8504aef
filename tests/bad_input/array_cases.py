"""MTAN's folders of .npy files, NYUv2 and Cityscapes."""

from pathlib import Path

import numpy as np

from tests.bad_input.harms import arrays, content, cut, device, fifo, folder, link, removed, several
from tests.bad_input.harness import Case, Harm

IMAGE, LABEL, DEPTH, NORMAL = (f"train/{name}/1.npy" for name in ("image", "label", "depth", "normal"))
HEADER = b"\x93NUMPY\x01\x00\x76\x00"
RUNS_CODE = HEADER + b"{'descr': __import__('os').getcwd(), 'fortran_order': False, 'shape': (3,), }".ljust(117) + b"\n"
HUGE = HEADER + b"{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999, 9999), }".ljust(117) + b"\n"


def whole(file: str, value: object) -> Harm:
    return lambda root: np.save(root / file, np.asarray(value), allow_pickle=True)


def as_npz(root: Path) -> None:
    with (root / IMAGE).open("wb") as stream:
        np.savez(stream, image=np.zeros((48, 64, 3)))


def shared(root: Path) -> None:
    (root / "val/image/0.npy").write_bytes((root / IMAGE).read_bytes())


def some(value: np.ndarray, put: float) -> np.ndarray:
    changed = value.astype(np.float64)
    changed[:5] = put
    return changed


def away(value: np.ndarray) -> np.ndarray:
    return value * [1, 1, -1]


TYPES = [
    ("text", whole(IMAGE, np.full((48, 64, 3), "a")), (IMAGE, "text")),
    ("bytes", whole(IMAGE, np.full((48, 64, 3), b"a")), (IMAGE, "text")),
    ("complex", whole(DEPTH, np.ones((48, 64, 1), complex)), (DEPTH, "complex")),
    ("objects", whole(LABEL, np.full((48, 64), None)), (LABEL, "Python objects")),
    ("dates", whole(LABEL, np.zeros((48, 64), "M8[s]")), (LABEL, "records")),
    ("records", whole(LABEL, np.zeros((48, 64), [("a", "f4"), ("b", "i4")])), (LABEL, "records")),
    ("no bytes", content(IMAGE, b""), (IMAGE, "empty")),
    ("no values", whole(IMAGE, np.zeros((0, 64, 3))), (IMAGE, "is empty")),
    ("npz as npy", as_npz, (IMAGE, ".npz")),
    ("plain text", content(IMAGE, b"hello, world"), (IMAGE, "no .npy file")),
    ("cut header", cut(IMAGE, 0.001), (IMAGE, "cannot be read")),
    ("cut values", cut(DEPTH, 0.5), (DEPTH, "cannot be read")),
    ("header with code", content(IMAGE, RUNS_CODE), (IMAGE, "cannot be read")),
    ("header of a huge shape", content(IMAGE, HUGE), (IMAGE, "cannot be read")),
    ("unknown version", content(IMAGE, b"\x93NUMPY\x09\x00" + bytes(200)), (IMAGE, "cannot be read")),
    ("pipe", fifo(IMAGE), (IMAGE, "pipe")),
    ("device", device(DEPTH), (DEPTH, "device")),
    ("folder", folder(IMAGE), (IMAGE, "directory")),
    ("link to itself", link(LABEL, "1.npy"), (LABEL, "links")),
    (
        "arrays of another kind",
        lambda r: [p.rename(p.with_suffix(".pt")) for p in r.glob("val/*/*")],
        ("val has no files", ".pt", ".npy"),
    ),
    ("missing", removed(DEPTH), ("lacks 1 files", "depth/1.npy")),
]
SHAPES = [
    ("scalar", whole(DEPTH, np.float64(3)), ("depth of train frame 1", "()")),
    ("one axis", whole(DEPTH, np.ones(48 * 64)), ("depth of train frame 1", "(3072,)")),
    ("four axes", whole(IMAGE, np.ones((1, 48, 64, 3))), ("image of train frame 1", "(1, 48, 64, 3)")),
    ("labels one-hot", whole(LABEL, np.zeros((48, 64, 13))), ("label of train frame 1", "(48, 64, 13)")),
    ("depth of 3 channels", whole(DEPTH, np.ones((48, 64, 3))), ("depth of train frame 1", "(48, 64, 3)")),
    ("image channels first", whole(IMAGE, np.ones((3, 48, 64))), ("image of train frame 1", "(3, 48, 64)")),
    ("image of 4 channels", whole(IMAGE, np.ones((48, 64, 4))), ("image of train frame 1", "(48, 64, 4)")),
    ("grey image", whole(IMAGE, np.ones((48, 64))), ("image of train frame 1", "(48, 64)")),
    ("normals of 2 channels", whole(NORMAL, np.ones((48, 64, 2))), ("normal of train frame 1", "(48, 64, 2)")),
    ("labels turned", arrays(LABEL, np.transpose), ("label of train frame 1", "64x48", "48x64")),
    ("labels of another aspect", arrays(LABEL, lambda v: v[:, :60]), ("label of train frame 1", "48x60")),
    ("depth of another aspect", arrays(DEPTH, lambda v: v[:40]), ("depth of train frame 1", "40x64")),
]
VALUES = [
    ("images in 0..255", arrays("*/image/*", lambda v: v * 255), ("0.npy", "0..1", "divide it by 255")),
    ("images in uint8", arrays("*/image/*", lambda v: (v * 255).astype(np.uint8)), ("0.npy", "0..1")),
    ("images of 16 bits", arrays("*/image/*", lambda v: v * 65535), ("0.npy", "0..1", "divide it by 65535")),
    ("images in -1..1", arrays("*/image/*", lambda v: v * 2 - 1), ("0.npy", "0..1")),
    ("images with NaN", arrays("*/image/*", lambda v: some(v, np.nan)), ("0.npy", "0..1", "nan")),
    ("labels with NaN", arrays("*/label/*", lambda v: some(v, np.nan)), ("0.npy", "NaN", "-1")),
    ("infinite labels", arrays("*/label/*", lambda v: some(v, np.inf)), ("0.npy", "infinite")),
    ("labels between classes", arrays("*/label/*", lambda v: v * 0.5), ("0.npy", "whole numbers")),
    ("label 99", arrays("*/label/*", lambda v: some(v, 99)), ("label13", "class 99")),
    ("label -2", arrays("*/label/*", lambda v: some(v, -2)), ("label13", "class -2")),
    ("labels from 1", arrays("*/label/*", lambda v: v + 1), ("label13", "class 13")),
    ("label 1e30", arrays("*/label/*", lambda v: some(v, 1e30)), ("0.npy", "no classes")),
    ("depth with NaN", arrays("*/depth/*", lambda v: some(v, np.nan)), ("depth", "NaN", "accept=[not_finite]")),
    ("infinite depth", arrays("*/depth/*", lambda v: some(v, np.inf)), ("depth", "accept=[not_finite]")),
    ("depth -1", arrays("*/depth/*", lambda v: some(v, -1)), ("depth", "outside", "accept=[out_of_range]")),
    ("depth of 1e30", arrays("*/depth/*", lambda v: some(v, 1e30)), ("depth", "1e+30", "float16")),
    ("depth in mm", arrays("*/depth/*", lambda v: v * 1000), ("depth", "above", "accept=[depth_range]")),
    ("depth in km", arrays("*/depth/*", lambda v: v / 1000), ("depth", "below", "accept=[depth_range]")),
    ("depth all NaN", arrays("*/depth/*", lambda v: v * np.nan), ("depth", "accept=[nothing_valid]")),
    ("depth all 0", arrays("val/depth/*", np.zeros_like), ("depth", "test", "accept=[nothing_valid]")),
    ("normals in 0..1", arrays("*/normal/*", lambda v: (v / 2 + 1) / 2), ("normal", "accept=[normal_range]")),
    ("normals as BGR", arrays("*/normal/*", lambda v: v[..., ::-1]), ("normal", "accept=[normal_axes]")),
    ("constant normals", arrays("*/normal/*", np.ones_like), ("normal", "accept=[constant]")),
    ("normals of 0", arrays("*/normal/*", np.zeros_like), ("normal", "accept=[nothing_valid]")),
    ("normals with NaN", arrays("*/normal/*", lambda v: some(v, np.nan)), ("normal", "accept=[not_finite]")),
    ("one class", arrays("*/label/*", np.zeros_like), ("label13", "bed", "accept=[one_class]")),
    ("shared frames", shared, ("in common", "1 = 0", "accept=[shared_frames]")),
]
TAKEN = [
    ("Fortran order", arrays("*/*/*", np.asfortranarray)),
    ("big-endian", arrays("*/depth/*", lambda v: v.astype(">f8"))),
    ("whole labels", arrays("*/label/*", lambda v: v.astype(np.int16))),
    ("hidden twins", content("train/image/._1.npy", b"\0\5\26\7")),
    (".DS_Store", content("train/image/.DS_Store", b"\0\5\26\7")),
    ("capital NPY", lambda root: (root / IMAGE).rename(root / "train/image/1.NPY")),
    ("a convention of their own", arrays("*/normal/*", away)),
]
CITIES = [
    ("raw disparity", arrays("*/depth/*", lambda v: v * 65535), ("0.npy", "raw disparity", "65535")),
    ("images in 0..255", arrays("*/image/*", lambda v: v * 255), ("0.npy", "0..1")),
    ("labels one-hot", arrays("*/label_7/*", lambda v: np.zeros((32, 64, 7))), ("label_7", "(32, 64, 7)")),
    ("ids for classes", arrays("*/label_19/*", lambda v: v + 7), ("label19", "class")),
    ("one class", arrays("*/label_19/*", np.ones_like), ("label19", "sidewalk", "accept=[one_class]")),
    ("no disparity", arrays("*/depth/*", np.zeros_like), ("depth", "accept=[nothing_valid]")),
    ("constant disparity", arrays("*/depth/*", lambda v: v * 0 + 0.1), ("depth", "accept=[constant]")),
    ("objects", arrays("train/depth/0.npy", lambda v: v.astype(object)), ("0.npy", "Python objects")),
    ("pipe", fifo("train/depth/0.npy"), ("0.npy", "pipe")),
    ("two of one name", several(content("train/depth/0.NPY", b"x")), ("two files named 0",)),
]
CASES = [
    *(Case(name, "mtan", harm, words) for name, harm, words in (*TYPES, *SHAPES, *VALUES)),
    *(Case(name, "mtan", harm) for name, harm in TAKEN),
    *(Case(name, "cityscapes mtan", harm, words) for name, harm, words in CITIES),
]
