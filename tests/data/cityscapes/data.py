"""Writes tiny fake Cityscapes in the forms that it comes in, from frames whose every value is known."""

import zipfile
from collections.abc import Iterable, Mapping
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

Frame = dict[str, np.ndarray]
SHAPE = (32, 64)
SPLITS = {
    "train": ("aachen_000000_000019", "aachen_000001_000019", "zurich_000121_000019"),
    "val": ("frankfurt_000000_000294", "munster_000173_000029"),
}
ENDINGS = {"leftImg8bit": "leftImg8bit", "gtFine": "gtFine_labelIds", "disparity": "disparity"}
# the official table, written out a second time: id -> (class of 19, category of 7)
NINETEEN = {7: 0, 8: 1, 11: 2, 12: 3, 13: 4, 17: 5, 19: 6, 20: 7, 21: 8, 22: 9, 23: 10, 24: 11, 25: 12, 26: 13,
            27: 14, 28: 15, 31: 16, 32: 17, 33: 18}  # fmt: skip
SEVEN = (
    dict.fromkeys(range(7, 11), 0) | dict.fromkeys(range(11, 17), 1) | dict.fromkeys(range(17, 21), 2)
    | dict.fromkeys((21, 22), 3) | {23: 4} | dict.fromkeys((24, 25), 5) | dict.fromkeys(range(26, 34), 6)
)  # fmt: skip
EXTREMES = (0, 1, 2, 257, 1025, 32257, 65535)  # of raw disparity; 0 = invalid


def frame(name: str, shape: tuple[int, int] = SHAPE) -> Frame:
    """Random colours, every id and the licence plate's in blocks of 4 pixels, disparity with holes and extremes."""
    draw = np.random.default_rng(list(name.encode()))
    height, width = shape
    ids = np.resize([*draw.permutation(34), 255], (height // 4, width // 4)).repeat(4, 0).repeat(4, 1)
    disparity = draw.integers(1, 32258, shape)
    disparity[draw.random(shape) < 0.2] = 0
    disparity[0, : len(EXTREMES)] = EXTREMES
    return {
        "leftImg8bit": draw.integers(0, 256, (height, width, 3), np.uint8),
        "gtFine": ids.astype(np.uint8),
        "disparity": disparity.astype(np.uint16),
    }


def expected(name: str, shape: tuple[int, int] = SHAPE) -> Frame:
    """The arrays of the store, at the size of the files."""
    value = frame(name, shape)
    tables = (np.array([table.get(i, -1) for i in range(256)]) for table in (SEVEN, NINETEEN))
    label7, label19 = (table[value["gtFine"]] for table in tables)
    depth = (value["disparity"] / 65535).astype(np.float16)
    return {"image": value["leftImg8bit"], "label7": label7, "label19": label19, "depth": depth}


def files(package: str, splits: Mapping[str, Iterable[str]] = SPLITS) -> dict[str, bytes]:
    """The files of a package by their paths in it, among them some that nobody asks for."""
    content = {f"{package}/{split}/.listing": b"" for split in splits} | {"README": b"hello"}
    for split, names in splits.items():
        for name in names:
            stream = BytesIO()
            Image.fromarray(frame(name)[package]).save(stream, "PNG")
            start = f"{package}/{split}/{name.split('_')[0]}/{name}_"
            content[f"{start}{ENDINGS[package]}.png"] = stream.getvalue()
            if package == "gtFine":
                content |= {f"{start}gtFine_color.png": b"not read", f"{start}gtFine_polygons.json": b"{}"}
    return content


def write_folder(root: Path, package: str, splits: Mapping[str, Iterable[str]] = SPLITS) -> None:
    """An unpacked package."""
    for name, content in files(package, splits).items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def write_zip(root: Path, package: str, splits: Mapping[str, Iterable[str]] = SPLITS) -> Path:
    """A package as it is downloaded."""
    root.mkdir(parents=True, exist_ok=True)
    path = root / f"{package}_trainvaltest.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files(package, splits).items():
            archive.writestr(name, content)
    return path


def write_mtan(root: Path) -> None:
    """MTAN's folder, its files counted from 0."""
    for split, names in SPLITS.items():
        for index, name in enumerate(names):
            value, raw = expected(name), frame(name)["disparity"]
            arrays = {
                "image": value["image"].astype(np.float64) / 255,
                "label_7": value["label7"].astype(np.float32),
                "label_19": value["label19"].astype(np.float32),
                "depth": (raw / 65535)[..., None],
            }
            for kind, array in arrays.items():
                path = root / split / kind / f"{index}.npy"
                path.parent.mkdir(parents=True, exist_ok=True)
                np.save(path, array)
