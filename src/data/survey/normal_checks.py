"""Checks of surface normals."""

from collections.abc import Iterator

import numpy as np

from src.data.survey.finding import Finding
from src.data.survey.seen import Seen


def normal_range(seen: Seen) -> Iterator[Finding]:
    """Normals point to all sides: their components are -1..1."""
    values = seen.valid()
    if seen.modality.mirrored and values.min() >= 0:
        yield Finding(
            "normal_range",
            f"{seen.modality.name} has no negative component in any surveyed frame",
            f"its values are {values.min():g} to {values.max():g}: normals that were stored as 0..1?",
            "turn them into -1..1: 2 x - 1",
        )


def normal_axes(seen: Seen) -> Iterator[Finding]:
    """On average a scene looks neither to the left nor to the right."""
    means = _mean_directions(seen)
    if means is None:
        return
    sideways = np.abs(means[:, 0]) > np.abs(means[:, 2])
    if sideways.mean() > 0.5 and abs(means[:, 0].mean()) > abs(means[:, 2].mean()):
        yield Finding(
            "normal_axes",
            f"{seen.modality.name} points sideways: its mean is {_told(means)}",
            "x is right, y up and z towards the camera; perhaps red and blue were exchanged (BGR)",
            "reverse the order of the components",
        )


def normal_sign(seen: Seen) -> Iterator[Finding]:
    """What is seen faces the camera."""
    means = _mean_directions(seen)
    if means is not None and (means[:, 2] < 0).mean() > 0.5 and means[:, 2].mean() < 0 and not any(normal_axes(seen)):
        yield Finding(
            "normal_sign",
            f"{seen.modality.name} points away from the camera: its mean is {_told(means)}",
            "x is right, y up and z towards the camera, which every visible surface faces",
            "change the sign of z (of y too, where it points down)",
        )


def _mean_directions(seen: Seen) -> np.ndarray | None:
    """Return the mean normal of each map, (maps, 3); None for vectors that are no normals."""
    if seen.modality.outputs != 3 or seen.modality.mirrored != (0,):
        return None
    means = []
    for value in seen.all_maps():
        vectors = Seen(seen.modality, {"": [value]}).valid()
        if len(vectors):
            means.append((vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).mean(0))
    return np.array(means)


def _told(means: np.ndarray) -> str:
    return ", ".join(f"{axis} {value:.2f}" for axis, value in zip("xyz", means.mean(0), strict=True))
