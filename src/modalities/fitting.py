"""Maps of pictures of any size, fitted into the one size of a store."""

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from src.modalities.base import IGNORE, UNKNOWN, Modality
from src.modalities.resizing import resized

Fit = Annotated[
    Literal["pad", "scale"],
    Field(
        description="pictures of other sizes: pad keeps their shape, shrinks what is too large, and fills the rest "
        "with a mean colour and no labels; scale stretches them"
    ),
]
MEAN_COLOUR = (124, 116, 104)
"""The mean of ImageNet, which networks get as 0."""


def fitted(modality: Modality, value: np.ndarray, size: tuple[int, int], fit: Fit) -> np.ndarray:
    """Fit a map (H, W) or (H, W, channels), as ``storing.encode`` takes it, into ``size`` (H, W).

    ``scale`` stretches it. ``pad`` shrinks it where it is too large, by one factor for both sides, never enlarges it,
    and puts it in the middle; around it there is the mean colour in images and no label in other maps.
    """
    if fit == "scale":
        return resized(modality, value, size)
    inner = resized(modality, value, inner_size((value.shape[0], value.shape[1]), size))
    height, width = inner.shape[:2]
    top, left = (size[0] - height) // 2, (size[1] - width) // 2
    padded = _empty(modality, inner, size)
    padded[top : top + height, left : left + width] = inner
    return padded


def inner_size(shape: tuple[int, int], size: tuple[int, int]) -> tuple[int, int]:
    """Return the size (H, W) at which a picture of ``shape`` (H, W) stands in a padded one of ``size``."""
    factor = min(1.0, size[0] / shape[0], size[1] / shape[1])
    height, width = (min(most, max(1, round(side * factor))) for side, most in zip(shape, size, strict=True))
    return height, width


def _empty(modality: Modality, inner: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return a map of ``size`` without a label, in a type that holds both ``inner`` and the mark of no label."""
    scalar = np.nan if modality.invalid is None else modality.invalid
    marks = {"image": MEAN_COLOUR, "classes": IGNORE, "scalar": scalar, "vector": 0, "binary": UNKNOWN}
    least = (
        np.int16 if modality.kind in ("classes", "binary") else np.float32 if modality.kind == "scalar" else np.uint8
    )
    return np.full((*size, *inner.shape[2:]), marks[modality.kind], np.result_type(inner.dtype, least))
