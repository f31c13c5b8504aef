"""Checks of maps of any kind, of pictures and of classes."""

from collections.abc import Iterator

import numpy as np

from src.data.survey.finding import Finding
from src.data.survey.seen import Seen

DARK, LIGHT = 8, 247


def image_range(seen: Seen) -> Iterator[Finding]:
    """Pictures are neither all black nor all white."""
    for split in seen.maps:
        low, high = seen.valid(split).min(), seen.valid(split).max()
        if high <= DARK or low >= LIGHT:
            was = "0..1 stored as whole numbers" if high <= DARK else "16-bit values cut to 255"
            yield Finding(
                "image_range",
                f"{seen.modality.name}: all surveyed pictures of {split} are {'black' if high <= DARK else 'white'}",
                f"their values are {low:g} to {high:g} of 255; perhaps {was}",
                "write the pictures anew in 0..255",
            )


def constant(seen: Seen) -> Iterator[Finding]:
    """Values vary."""
    values = seen.valid().reshape(-1, seen.modality.outputs)
    if seen.modality.kind == "vector":
        values = values / np.linalg.norm(values, axis=-1, keepdims=True)
    if np.ptp(values, axis=0).max() <= 1e-3 * (np.abs(values).max() if seen.modality.kind == "scalar" else 1):
        yield Finding(
            "constant",
            f"{seen.modality.name} is the same everywhere: {', '.join(f'{value:g}' for value in values[0])}",
            "nothing can be learned from it, and no measured map is so",
            "check the files and how they are read",
        )


def one_class(seen: Seen) -> Iterator[Finding]:
    """There is more than one class."""
    found = np.unique(seen.valid())
    if len(found) == 1:
        name = seen.modality.names[int(found[0])] if seen.modality.names else f"{found[0]:g}"
        yield Finding(
            "one_class",
            f"{seen.modality.name} holds one class only: {name}",
            f"so it is in all surveyed frames of {' and '.join(seen.maps)}",
            "check the label maps, and by which value they mark classes",
        )


def nothing_valid(seen: Seen) -> Iterator[Finding]:
    """A split has valid pixels."""
    for split, maps in seen.maps.items():
        if not len(seen.valid(split)):
            values = np.concatenate([value.ravel() for value in maps])
            yield Finding(
                "nothing_valid",
                f"{seen.modality.name} has no valid pixel in {split}",
                f"in {len(maps)} surveyed frames, whose values are {values.min():g} to {values.max():g}",
                "check the files, and which value marks invalid pixels",
            )
