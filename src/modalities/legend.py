"""What the colours of drawn maps stand for, by kind."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from src.modalities.base import Modality
from src.modalities.drawing import colorize, own_range
from src.modalities.storing import is_valid
from src.visual.legends import Key, Legend, Patch, Strip

MOST_CLASSES = 24
"""Classes in a legend."""
NOT_VALID = {"classes": "no label", "scalar": "no value", "vector": "no direction", "binary": "unknown"}
"""What the black pixels of a kind are."""
STEPS = 64


def with_range_of(modality: Modality, maps: Sequence[np.ndarray]) -> Modality:
    """Return the modality with which several maps are drawn alike.

    A scalar whose drawn range is not known takes that of the first of ``maps`` with a valid value; any other modality
    stays as it is.
    """
    if modality.kind != "scalar" or modality.shown is not None:
        return modality
    found = [values[is_valid(modality, values)] for values in (np.asarray(each, np.float64) for each in maps)]
    bright, dark = own_range(modality, next((values for values in found if values.size), np.zeros(0)))
    if bright == dark:
        beside = abs(bright) / 10 or 1.0
        bright, dark = bright + beside, dark - beside
    return replace(modality, shown=(bright, dark))


def legend(modality: Modality, maps: Sequence[np.ndarray]) -> Legend:
    """Explain the colours of maps that ``colorize`` has drawn.

    Args:
        modality: as ``with_range_of`` returns it.
        maps: classes (H, W), scalars or probabilities (H, W) or (1, H, W), vectors (channels, H, W).
    """
    explain = {"classes": _classes, "scalar": _range, "vector": _directions, "binary": _probabilities}
    found = explain[modality.kind](modality, maps)
    if all(_valid(modality, each).all() for each in maps):
        return found
    return replace(found, entries=(*found.entries, Patch(NOT_VALID[modality.kind], (0, 0, 0))))


def _valid(modality: Modality, value: np.ndarray) -> np.ndarray:
    """Return where a map is not drawn black because it has no value."""
    if modality.kind == "vector":
        return np.asarray((value != 0).any(0))
    if modality.kind == "scalar":
        return is_valid(modality, value)
    return np.asarray(value >= 0)


def _classes(modality: Modality, maps: Sequence[np.ndarray]) -> Legend:
    """List the classes that occur in any of the maps, those of most pixels first."""
    pixels = np.concatenate([np.asarray(each).ravel() for each in maps])
    known = pixels[(pixels >= 0) & (pixels < len(modality.names))]
    classes, counts = np.unique(known.astype(np.int64), return_counts=True)
    ordered = classes[np.argsort(-counts, kind="stable")]
    patches = [Patch(modality.names[each], modality.colours[each]) for each in ordered[:MOST_CLASSES]]
    return Legend(tuple(patches), more=max(0, len(ordered) - MOST_CLASSES))


def _range(modality: Modality, maps: Sequence[np.ndarray]) -> Legend:
    """Draw the colours of the values from the lowest to the highest."""
    shown = with_range_of(modality, maps)
    low, high = sorted(shown.shown or (0.0, 1.0))
    unbounded = replace(shown, invalid=None, low=None, high=None)  # the mark of invalid pixels may be an end
    colours = colorize(unbounded, np.linspace(low, high, STEPS)[None])[0]
    return Legend((Strip(f"{low:.4g}", f"{high:.4g} {modality.unit}".strip(), colours),))


def _probabilities(modality: Modality, maps: Sequence[np.ndarray]) -> Legend:
    """Draw the greys from no to yes."""
    return Legend((Strip("0", "1", colorize(modality, np.linspace(0, 1, STEPS)[None])[0]),))


def _directions(modality: Modality, maps: Sequence[np.ndarray]) -> Legend:
    """Draw the unit vectors that look out of the picture, each at its own place, by their first three components."""
    across, up = np.meshgrid(np.linspace(-1, 1, STEPS), np.linspace(1, -1, STEPS))
    inside = across**2 + up**2 <= 1
    towards = np.sqrt(np.clip(1 - across**2 - up**2, 0, 1))
    components = np.stack([across, up, towards][: modality.channels])
    components /= np.maximum(np.linalg.norm(components, axis=0), 1e-9)  # two components: colours by angle alone
    drawn = colorize(modality, np.where(inside, components, 0))
    words = ("x right", "y up", "z towards")[: modality.channels]
    return Legend((Key(np.where(inside[..., None], drawn, 255).astype(np.uint8), ", ".join(words)),))
