"""What values cannot be, by name; each check can be switched off where the data are right all the same."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from src.data.survey.seen import Seen
from src.modalities.known import PER_METRE

Check = Literal[
    "constant",
    "depth_mark",
    "depth_range",
    "image_range",
    "normal_axes",
    "normal_range",
    "normal_sign",
    "not_finite",
    "nothing_valid",
    "one_class",
    "out_of_range",
    "rounded_to_zero",
    "shared_frames",
]
CHECKS: tuple[str, ...] = get_args(Check)
"""The names that ``accept`` takes."""

SHARE = 0.01
"""Share of values from which on they are no exceptions."""
DARK, LIGHT = 8, 247
NEAREST, FARTHEST = 0.05, 100.0
"""Metres between which the median of depth lies."""
GAP = 1.5
"""By what factor a mark for invalid pixels lies beyond all depths."""


@dataclass(frozen=True)
class Finding:
    """What a check found: its name, the modality and what was seen, why that cannot be, how it is corrected."""

    check: Check
    what: str
    why: str
    mend: str


def findings(seen: Seen, exempt: Collection[str] = ()) -> Iterator[Finding]:
    """Apply the checks of a kind to the maps of a modality; those in ``exempt`` do not hold for its source."""
    empty = [split for split in seen.maps if not len(seen.valid(split))]
    # without a valid value there is nothing that other checks could look at
    checks = BY_KIND[seen.modality.kind] if not empty else [nothing_valid]
    for check in checks:
        found = [finding for finding in check(seen) if finding.check not in exempt]
        yield from found
        if found and check in (constant, normal_range):
            return  # what other checks would say follows from it


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


def not_finite(seen: Seen) -> Iterator[Finding]:
    """NaN stands for invalid only where no value does, infinity for nothing."""
    modality, values = seen.modality, seen.values()
    nan_is_mark = modality.kind == "scalar" and modality.invalid is None
    wrong = np.isinf(values) if nan_is_mark else ~np.isfinite(values)
    if wrong.mean() > SHARE:
        mark, what = ("NaN", "infinite") if nan_is_mark else (f"{modality.invalid or 0:g}", "NaN or infinite")
        yield Finding(
            "not_finite",
            f"{modality.name}: {wrong.mean():.1%} of the surveyed values are {what}",
            f"they would be stored as invalid, which {mark} stands for",
            f"write {mark} there",
        )


def out_of_range(seen: Seen) -> Iterator[Finding]:
    """Values lie in the range that the modality names."""
    modality, beyond = seen.modality, outside(seen)
    if beyond.mean() > SHARE:
        low, high = ("any" if bound is None else f"{bound:g}" for bound in (modality.low, modality.high))
        yield Finding(
            "out_of_range",
            f"{modality.name}: {beyond.mean():.1%} of the surveyed values are outside {low} to {high}",
            f"such as {seen.values()[beyond][0]:g}; they would be stored as invalid",
            "correct the files, or the range or the invalid value by which they are read",
        )


def outside(seen: Seen) -> np.ndarray:
    """Return which of a scalar's values are outside its range, and not its mark for invalid ones: bool (n)."""
    modality, values = seen.modality, seen.values()
    beyond = np.zeros(values.shape, bool)
    with np.errstate(invalid="ignore"):
        if modality.low is not None:
            beyond |= values < modality.low
        if modality.high is not None:
            beyond |= values > modality.high
    return beyond & np.isfinite(values) & (values != modality.invalid)


def rounded_to_zero(seen: Seen) -> Iterator[Finding]:
    """The type that values are stored in keeps them apart from 0."""
    values = seen.valid()
    values = values[values != 0]
    with np.errstate(over="ignore"):
        lost = values.astype(seen.modality.dtype) == 0
    if lost.size and lost.mean() > SHARE:
        yield Finding(
            "rounded_to_zero",
            f"{seen.modality.name}: {lost.mean():.1%} of the surveyed values become 0 in {seen.modality.dtype}",
            f"such as {values[lost][0]:g}",
            "choose a larger unit number (millimetres in place of metres), or float32 as type",
        )


def depth_range(seen: Seen) -> Iterator[Finding]:
    """Depth is metres away, not millimetres or kilometres."""
    metre = PER_METRE.get(seen.modality.unit)
    if metre is None or seen.modality.zoom != "divided":
        return
    for split in seen.maps:
        median = float(np.median(seen.valid(split))) / metre
        if not NEAREST <= median <= FARTHEST:
            yield Finding(
                "depth_range",
                f"{seen.modality.name}: half of the surveyed values of {split} are {_side(median)} {median:g} m",
                f"scenes are {NEAREST:g} to {FARTHEST:g} m away; perhaps the files are in another unit",
                "set the scale by which the files are read, such as dataset.source.depth_scale=1000 for millimetres",
            )


def depth_mark(seen: Seen) -> Iterator[Finding]:
    """No value far beyond all others marks invalid pixels."""
    if seen.modality.zoom == "unchanged":
        return
    values = seen.valid()
    top = values.max()
    share, below = (values == top).mean(), values[values < top]
    if share > SHARE and below.size and top > GAP * below.max():
        yield Finding(
            "depth_mark",
            f"{seen.modality.name}: {share:.1%} of the surveyed values are {top:g}, all others up to {below.max():g}",
            "so it looks like a mark for invalid pixels (65535 of 16 bits, 255 of 8)",
            "write 0 there in the files, or name the value as the invalid one",
        )


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


def _side(median: float) -> str:
    return "above" if median > FARTHEST else "below"


BY_KIND: dict[str, list[Callable[[Seen], Iterator[Finding]]]] = {
    "image": [image_range, constant],
    "classes": [one_class],
    "binary": [one_class],
    "scalar": [not_finite, out_of_range, constant, depth_range, depth_mark, rounded_to_zero],
    "vector": [not_finite, constant, normal_range, normal_axes, normal_sign],
}
