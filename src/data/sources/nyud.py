"""NYUD-v2 with four tasks, in the layout of the archives NYUDv2_MT and NYUDv2."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field

from src.data.files.arrays import read_npy
from src.data.files.grey import read_grey, zero_or_one
from src.data.files.matlab import read_matlab
from src.data.files.pictures import read_rgb
from src.data.labels.nyuv2 import NYUV2_40
from src.data.sources.archives import Archive
from src.data.sources.base import SOURCES, by_name
from src.data.sources.frame_maps import NormalSigns, check_axes, fitted_frame, normals_from_colours
from src.foundation.errors import UserError
from src.modalities.fitting import Fit
from src.modalities.known import EDGES, IMAGE, NORMAL, depth

ARCHIVE = Archive(
    title="NYUD",
    command="python -m src.prepare dataset=nyud source=",
    lists={"train": "gt_sets/train.txt", "test": "gt_sets/val.txt"},
    places={
        "image": (("images", (".jpg", ".png")),),
        "label40": (("segmentation", (".png", ".mat")),),
        "depth": (("depth", (".npy", ".mat")),),
        "normal": (("normals", (".npy", ".png", ".jpg")),),
        "edges": (("edge", (".npy", ".png")),),
    },
)
FLOORS = [NYUV2_40.names.index(name) for name in ("floor", "floor mat")]
LOOKED_AT = 20
"""Frames whose floors show which axes the normals have."""


@SOURCES.register()
class Nyud:
    """Frames of ``{images,segmentation,depth,normals,edge}/NAME.*``, named in ``gt_sets/{train,val}.txt``.

    images: jpg or png. segmentation: class + 1 of 40, 0 and 255 unlabelled, png (or mat, ``segmentation``). depth:
    metres, 0 invalid, npy (or mat, ``depth``). normals: npy, or png or jpg with n = 2 value / 255 - 1. edge: 0 and 1 in
    npy, 0 and 255 in png.

    Args:
        path: the unpacked archive, or a folder that holds it.
        fit: how pictures come to the store's size.
        normal_signs: by what the archive's normals are multiplied.

    Raises:
        UserError: files are missing, cannot be read or are of the wrong kind.
    """

    def __init__(
        self,
        path: Annotated[str | None, Field(description="the unpacked archive, or a folder that holds it")],
        fit: Fit = "pad",
        normal_signs: NormalSigns = (1, -1, 1),
    ) -> None:
        root = ARCHIVE.find(path)
        self.fit, self._signs = fit, np.array(normal_signs, np.float32)
        self._frames = ARCHIVE.frames(root)
        self._files = ARCHIVE.files(root, self._frames)
        self.splits = tuple(ARCHIVE.lists)
        self.modalities = by_name(IMAGE, NYUV2_40, depth(), NORMAL, EDGES)
        signs = ",".join(str(sign) for sign in normal_signs)
        self.description = f"NYUD, archive in {root.resolve()}, fit {fit}, normals times {signs}"
        check_axes(self._floors(), ARCHIVE.title, normal_signs)

    def frames(self, split: str) -> list[str]:
        """List the frames' names in the order of the archive's list."""
        return self._frames[split]

    def read(self, split: str, index: int, size: tuple[int, int]) -> dict[str, np.ndarray]:
        """Read a frame, fitted into ``size``."""
        files = {kind: names[self._frames[split][index]] for kind, names in self._files.items()}
        maps = {
            "image": read_rgb(files["image"]),
            "label40": _labels(files["label40"]),
            "depth": _depth(files["depth"]),
            "normal": self._normals(files["normal"]),
            "edges": _edges(files["edges"]),
        }
        return fitted_frame(self.modalities, maps, files, size, self.fit)

    def _normals(self, path: Path) -> np.ndarray:
        if path.suffix.lower() != ".npy":
            return normals_from_colours(read_rgb(path)) * self._signs
        value = read_npy(path)
        right_shape = value.ndim == 3 and value.shape[-1] == 3 and value.dtype.kind == "f"
        if not right_shape or (np.abs(value[np.isfinite(value)]) > 1.01).any():
            what = (
                f"{value.dtype} {value.shape}, {'values beyond 1' if right_shape else 'not float (height, width, 3)'}"
            )
            raise UserError(f"{path} holds no normals", what, "take the archive's original file")
        return value.astype(np.float32) * self._signs

    def _floors(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield normals and where there is a floor, for the first frames in which both have one size."""
        for name in islice(self._frames["train"], LOOKED_AT):
            normals, labels = self._normals(self._files["normal"][name]), _labels(self._files["label40"][name])
            if normals.shape[:2] == labels.shape:
                yield normals, np.isin(labels, FLOORS)


def _labels(path: Path) -> np.ndarray:
    value = (
        read_matlab(path, ["segmentation"])["segmentation"]
        if path.suffix.lower() == ".mat"
        else read_grey(path, "label map")
    )
    classes = np.where(value == 255, 0, value).astype(np.int64) - 1
    if classes.ndim != 2 or classes.min() < -1 or classes.max() >= len(NYUV2_40.names):
        raise UserError(
            f"{path} holds no labels of NYUD",
            f"values {int(value.min())} to {int(value.max())}, shape {value.shape}; "
            f"labels are 1..{len(NYUV2_40.names)}, 0 and 255 unlabelled",
            "take the archive's original file",
        )
    return classes


def _depth(path: Path) -> np.ndarray:
    value = read_matlab(path, ["depth"])["depth"] if path.suffix.lower() == ".mat" else read_npy(path)
    metres = value[..., 0] if value.ndim == 3 and value.shape[-1] == 1 else value
    if metres.ndim != 2 or metres.dtype.kind not in "fiu":
        why = f"{value.dtype} of shape {value.shape}, not metres (height, width)"
        raise UserError(f"{path} holds no depth", why, "take the archive's original file")
    return metres.astype(np.float32)


def _edges(path: Path) -> np.ndarray:
    value = read_npy(path) if path.suffix.lower() == ".npy" else read_grey(path, "edge map")
    edges = value[..., 0] if value.ndim == 3 and value.shape[-1] == 1 else value
    if edges.ndim != 2 or edges.dtype.kind not in "bfiu":
        why = f"{value.dtype} of shape {value.shape}, not (height, width)"
        raise UserError(f"{path} holds no edges", why, "take the archive's original file")
    return zero_or_one(edges, path)
