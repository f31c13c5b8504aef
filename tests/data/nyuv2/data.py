"""Writes tiny fake NYUv2 in the three forms that it comes in, from frames whose every value is known."""

from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np
from PIL import Image
from scipy.io import savemat

from src.data.labels.nyuv2 import RAW_NAMES, forty_to_thirteen, raw_to_forty
from src.data.sources.normals import NYUV2_CAMERA

Frame = dict[str, np.ndarray]
SHAPE = (48, 64)


def frame(number: int, shape: tuple[int, int] = SHAPE) -> Frame:
    """A tilted plane under random colours, with raw classes in blocks of 8 pixels, some of them unlabelled."""
    draw = np.random.default_rng(number)
    height, width = shape
    away = np.array([draw.uniform(-0.4, 0.4), draw.uniform(-0.4, 0.4), 1.0])
    x, y = NYUV2_CAMERA.rays(height, width)
    blocks = draw.choice([0, *RAW_NAMES, 1, 8, 12, 894], (height // 8, width // 8))
    raw = blocks.repeat(8, 0).repeat(8, 1).astype(np.uint16)
    forty = raw_to_forty(raw)
    normal = away * [-1, 1, 1] / np.linalg.norm(away)
    return {
        "image": draw.integers(0, 256, (height, width, 3), np.uint8),
        "raw": raw,
        "label40": forty,
        "label13": forty_to_thirteen(forty),
        "depth": (draw.uniform(1.5, 3) / (away[0] * x + away[1] * y + away[2])).astype(np.float32),
        "normal": np.broadcast_to(normal, (height, width, 3)).astype(np.float32),
    }


def write_mat(folder: Path, train: Sequence[int], test: Sequence[int]) -> Path:
    """The official file, transposed as MATLAB leaves it, with ``splits.mat`` beside it."""
    path = folder / "nyu_depth_v2_labeled.mat"
    frames = [frame(number) for number in range(1, len(train) + len(test) + 1)]
    with h5py.File(path, "w") as file:
        file["images"] = np.stack([value["image"].transpose(2, 1, 0) for value in frames])
        file["depths"] = np.stack([value["depth"].T for value in frames])
        file["labels"] = np.stack([value["raw"].T for value in frames])
        names = file.create_dataset("names", (1, 894), h5py.ref_dtype)
        for i in range(894):
            text = RAW_NAMES.get(i + 1, f"thing {i + 1}")
            file[f"#refs#/{i}"] = np.array([[ord(letter)] for letter in text], np.uint16)
            names[0, i] = file[f"#refs#/{i}"].ref
    columns = {f"{name}Ndxs": np.array(value, np.uint16)[:, None] for name, value in (("train", train), ("test", test))}
    savemat(folder / "splits.mat", columns)
    return path


def write_mtan(root: Path, train: Sequence[int], test: Sequence[int]) -> Path:
    """MTAN's folder, its files counted from 0."""
    for split, numbers in (("train", train), ("val", test)):
        for index, number in enumerate(numbers):
            value = frame(number)
            arrays = {
                "image": value["image"].astype(np.float64) / 255,
                "label": value["label13"].astype(np.float32),
                "depth": value["depth"][..., None],
                "normal": value["normal"] * 2,  # its length says nothing
            }
            for name, array in arrays.items():
                path = root / split / name / f"{index}.npy"
                path.parent.mkdir(parents=True, exist_ok=True)
                np.save(path, array)
    return root


def write_pictures(
    root: Path, train: Sequence[int], test: Sequence[int], modalities: Sequence[str], bits: int = 16
) -> Path:
    """A folder of PNG pictures: depth in millimetres (16 bits) or in steps of 1/25.5 m (8 bits)."""
    for split, numbers in (("train", train), ("test", test)):
        for number in numbers:
            value = frame(number)
            scale, kind = (1000, np.uint16) if bits == 16 else (25.5, np.uint8)
            pictures = {
                "image": value["image"],
                "depth": np.rint(value["depth"] * scale).astype(kind),
                "label13": (value["label13"] + 1).astype(np.uint8),
                "label40": (value["label40"] + 1).astype(np.uint8),
                "normal": np.rint((value["normal"] + 1) * 127.5).astype(np.uint8),
            }
            for name in modalities:
                path = root / split / name / f"{number:04d}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(pictures[name]).save(path)
    return root
