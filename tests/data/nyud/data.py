"""Writes tiny NYUD archives in the three forms that are public, from frames whose every value is known.

npy: that of Multi-Task-Learning-PyTorch. png: that of ATRC, InvPT and TaskPrompter. mat: that of ASTMT.
"""

from pathlib import Path

import numpy as np
from PIL import Image
from scipy.io import savemat

Frame = dict[str, np.ndarray]
FORMS = ("npy", "png", "mat")
SPLITS = {"train": ("img_5003", "img_5001", "img_5010"), "val": ("img_5002", "img_5009")}
SHAPE = (34, 44)
FLOOR = 2  # as segmentation has it
SUFFIXES = {
    "npy": {"images": ".jpg", "segmentation": ".png", "depth": ".npy", "normals": ".npy", "edge": ".npy"},
    "png": {"images": ".png", "segmentation": ".png", "depth": ".npy", "normals": ".png", "edge": ".png"},
    "mat": {"images": ".jpg", "segmentation": ".mat", "depth": ".mat", "normals": ".jpg", "edge": ".png"},
}


def frame(name: str, shape: tuple[int, int] = SHAPE) -> Frame:
    """All classes and both marks in blocks, depth with holes, edges, normals of which floors face up."""
    draw = np.random.default_rng(list(name.encode()))
    height, width = shape
    blocks = np.resize([*draw.permutation(41), 255, FLOOR, FLOOR], (height // 2, width // 4)).repeat(2, 0).repeat(4, 1)
    depth = draw.uniform(0.7, 9.9, shape).astype(np.float32)
    depth[draw.random(shape) < 0.2] = 0
    normals = draw.normal(size=(*shape, 3))
    normals[..., 2] = np.abs(normals[..., 2])
    normals[blocks == FLOOR, 1] = -9  # y is down in the archive
    normals /= np.linalg.norm(normals, axis=-1, keepdims=True)
    normals[draw.random(shape) < 0.1] = 0
    return {
        "images": draw.integers(0, 256, (height, width, 3), np.uint8),
        "segmentation": blocks.astype(np.uint8),
        "depth": depth,
        "normals": normals.astype(np.float32),
        "edge": (draw.random(shape) < 0.1).astype(np.float32),
    }


def write(root: Path, form: str = "npy", shape: tuple[int, int] = SHAPE) -> Path:
    """Write the whole archive."""
    (root / "gt_sets").mkdir(parents=True)
    for split, names in SPLITS.items():
        (root / "gt_sets" / f"{split}.txt").write_text("".join(f"{name}\n" for name in names))
        for name in names:
            for folder, value in frame(name, shape).items():
                path = root / folder / (name + SUFFIXES[form][folder])
                path.parent.mkdir(exist_ok=True)
                save(path, value)
    return root


def save(path: Path, value: np.ndarray) -> None:
    """Write a map as its suffix and folder want it."""
    if path.suffix == ".npy":
        np.save(path, value)
    elif path.suffix == ".mat":
        savemat(path, {path.parent.name: value})
    else:
        scaled = {"normals": np.rint((value + 1) * 127.5), "edge": value * 255}.get(path.parent.name, value)
        Image.fromarray(scaled.astype(np.uint8)).save(path, quality=100, subsampling=0)
