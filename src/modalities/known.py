"""The maps that public datasets have in common."""

from src.modalities.base import Modality

PER_METRE = {"m": 1.0, "cm": 100.0, "mm": 1000.0}
"""Units of length."""
FAR = 10.0
"""Metres at which pictures of depth are darkest, so that they compare."""

IMAGE = Modality(name="image", kind="image", channels=3)
NORMAL = Modality(name="normal", kind="vector", channels=3, mirrored=(0,))
"""Unit surface normals: x right, y up, z towards the camera."""
EDGES = Modality(name="edges", kind="binary", resize="any")
"""Boundaries of objects, 1 to a few pixels wide."""
SALIENCY = Modality(name="saliency", kind="binary")
"""What draws the eye first."""


def depth(unit: str = "m", name: str = "depth") -> Modality:
    """Describe depth along the optical axis in m, cm or mm, 0 where invalid: what is nearer appears larger."""
    shown = (0.0, FAR * PER_METRE[unit])
    return Modality(name=name, kind="scalar", unit=unit, low=0.0, invalid=0.0, zoom="divided", shown=shown)


def inverse_depth(unit: str, name: str = "depth") -> Modality:
    """Describe inverse depth, such as disparity, in a unit of its own, 0 where invalid."""
    return Modality(name=name, kind="scalar", unit=unit, low=0.0, invalid=0.0, zoom="multiplied")


def depth_in(unit: str) -> Modality:
    """Describe depth where ``unit`` is one of length, otherwise inverse depth."""
    return depth(unit) if unit in PER_METRE else inverse_depth(unit)


def labels(name: str, names: tuple[str, ...]) -> Modality:
    """Describe a set of labels by the names of its classes, with colours that are spread evenly."""
    return Modality(name=name, kind="classes", names=names)
