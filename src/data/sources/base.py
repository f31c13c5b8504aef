"""The interface of a source of frames, and how its frames are resized."""

from typing import Protocol

import numpy as np
from PIL import Image
from scipy.ndimage import distance_transform_edt

from src.data.labels.base import LabelSet
from src.foundation.registry import Registry

SOURCES = Registry("source", "src.data.sources")
"""Classes of sources, and functions that find out which form of a dataset is there."""

SPLITS = ("train", "test")


class Source(Protocol):
    """Frames to pack; it is pickled into worker processes, so it opens files only when it reads.

    Attributes:
        description: its kind and place, one line; two sources of the same description make the same store.
        labels: label sets by modality.
        units: units by modality.
    """

    description: str
    labels: dict[str, LabelSet]
    units: dict[str, str]

    def frames(self, split: str) -> list[str]:
        """List the ids of the frames of a split, in order."""
        ...

    def read(self, split: str, index: int, size: tuple[int, int]) -> dict[str, np.ndarray]:
        """Read a frame at ``size`` (H, W): the arrays of a store, where depth and normal may be of any float type."""
        ...


def resize_image(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize a picture (H, W, 3) uint8, bilinearly; when it shrinks, over the whole area of each new pixel."""
    if image.shape[:2] == size:
        return image
    return np.asarray(Image.fromarray(image).resize((size[1], size[0]), Image.Resampling.BILINEAR))


def resize_nearest(value: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize a map (H, W, ...) by the value nearest to the middle of each new pixel."""
    if value.shape[:2] == size:
        return value
    rows, columns = _middles(value.shape[0], size[0]), _middles(value.shape[1], size[1])
    return value[rows[:, None], columns[None, :]]


def resize_depth(depth: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize depth (H, W) by the nearest valid value, searched only within the area of each new pixel."""
    small = resize_nearest(depth, size)
    cell = depth.shape[0] / size[0], depth.shape[1] / size[1]
    if max(cell) <= 1 or small.all() or not depth.any():
        return small
    distances, (rows, columns) = distance_transform_edt(depth == 0, return_indices=True)
    filled = np.where(distances <= max(cell) / 2, depth[rows, columns], 0)
    return np.where(small == 0, resize_nearest(filled, size), small)


def _middles(old: int, new: int) -> np.ndarray:
    return np.minimum(((np.arange(new) + 0.5) * old / new).astype(np.int64), old - 1)
