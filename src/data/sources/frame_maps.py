"""What the maps of a frame have to agree in, and how archives encode surface normals."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from src.foundation.errors import UserError
from src.modalities.base import Modality
from src.modalities.fitting import Fit, fitted
from src.modalities.resizing import resized

SHORTEST, LONGEST = 0.3, 1.5
"""Lengths between which a colour stands for a direction; middle grey has 0.01, black and white have 1.7."""
CLEARLY = 0.3
"""Mean component from which it is clear where surfaces face."""
ENOUGH = 100
"""Pixels of floors that have to be seen."""

Sign = Literal[-1, 1]
NormalSigns = Annotated[
    tuple[Sign, Sign, Sign],
    Field(description="by what the archive's normals are multiplied to be x right, y up, z towards the camera"),
]


def fitted_frame(
    modalities: Mapping[str, Modality],
    maps: Mapping[str, np.ndarray],
    files: Mapping[str, Path],
    size: tuple[int, int],
    fit: Fit,
) -> dict[str, np.ndarray]:
    """Fit the maps of a frame into ``size``, those of other sizes than the image first resized to its size.

    Raises:
        UserError: a map has another shape than the image.
    """
    height, width = maps["image"].shape[:2]
    frame = {}
    for name, value in maps.items():
        rows, columns = value.shape[:2]
        if abs(rows * width - columns * height) > max(height, width):  # more than a rounded row or column
            raise UserError(
                f"{files[name]} does not fit its image",
                f"it has {rows}x{columns} pixels, {files['image']} has {height}x{width}",
                "replace the file, then run the same command: it continues",
            )
        frame[name] = fitted(modalities[name], resized(modalities[name], value, (height, width)), size, fit)
    return frame


def normals_from_colours(picture: np.ndarray) -> np.ndarray:
    """Return the vectors (H, W, 3) of a picture of normals, n = 2 value / 255 - 1; 0 where a colour is none."""
    vectors = picture.astype(np.float32) * np.float32(2 / 255) - 1
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.where((length > SHORTEST) & (length < LONGEST), vectors, 0)


def check_axes(seen: Iterable[tuple[np.ndarray, np.ndarray]], title: str, signs: Sequence[float]) -> None:
    """Check by the floors of a few frames that normals face up and towards the camera.

    Args:
        seen: normals (H, W, 3) as they are stored, and where there is a floor (H, W).
        title: the dataset's name.
        signs: by what the archive's normals were multiplied.

    Raises:
        UserError: floors clearly face down, or away from the camera.
    """
    floors = np.concatenate([normals[floor & (normals != 0).any(-1)] for normals, floor in seen])
    if len(floors) < ENOUGH:
        return
    _, up, near = floors.mean(0)
    wrong = {"down": up < -CLEARLY, "away from the camera": near < -CLEARLY}
    for where, is_wrong in wrong.items():
        if is_wrong:
            mended = [sign * factor for sign, factor in zip(signs, (1, np.sign(up), np.sign(near)), strict=True)]
            raise UserError(
                f"normals of {title} have other axes than expected",
                f"floors face {where} once they are multiplied by {list(signs)} (x, y, z)",
                f"'dataset.source.normal_signs={[int(sign) for sign in mended]}'".replace(" ", ""),
            )
