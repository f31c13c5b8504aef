"""Checks of numbers: their range, their marks for invalid pixels, and depth."""

from collections.abc import Iterator

import numpy as np

from src.data.survey.finding import SHARE, Finding
from src.data.survey.seen import Seen
from src.modalities.known import PER_METRE

NEAREST, FARTHEST = 0.05, 100.0
"""Metres between which the median of depth lies."""
GAP = 1.5
"""By what factor a mark for invalid pixels lies beyond all depths."""


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


def _side(median: float) -> str:
    return "above" if median > FARTHEST else "below"
