"""Putting solids together in a place's own coordinates."""

from collections.abc import Callable
from dataclasses import dataclass, field
from math import cos, pi, sin
from random import Random
from typing import NamedTuple

from src.synthetic.classes import Label
from src.synthetic.geometry import Kind, Matrix, Shape, Vector
from src.synthetic.palette import Palette
from src.synthetic.textures import Material

QUARTER = pi / 2
UNNAMED = 0.03  # share of things that the annotator skipped


@dataclass
class Stage:
    """The scene while it is being built; ``tops`` are surfaces that may carry objects, ``lamps`` lit bulbs."""

    draw: Random
    palette: Palette
    shapes: list[Shape] = field(default_factory=list)
    tops: list["Top"] = field(default_factory=list)
    lamps: list[Vector] = field(default_factory=list)
    groups: int = 0

    def chance(self, probability: float) -> bool:
        """True with this probability."""
        return self.draw.random() < probability


class Frame:
    """A place to build at: x to the right, y to the back, z up, origin at the middle of the base."""

    def __init__(self, stage: Stage, origin: Vector, yaw: float, label: int) -> None:
        self.stage, self.origin, self.yaw = stage, origin, yaw
        self.cos, self.sin = cos(yaw), sin(yaw)
        stage.groups += 1
        self.group = stage.groups
        self.label: int = Label.UNLABELLED if stage.chance(UNNAMED) else label

    def world(self, x: float, y: float, z: float) -> Vector:
        """World coordinates of a point of this frame."""
        return (
            self.origin[0] + self.cos * x - self.sin * y,
            self.origin[1] + self.sin * x + self.cos * y,
            self.origin[2] + z,
        )

    def at(self, x: float, y: float, z: float, label: int, yaw: float = 0.0) -> "Frame":
        """A frame for another thing that stands here."""
        return Frame(self.stage, self.world(x, y, z), self.yaw + yaw, label)

    def box(self, base: Vector, size: Vector, material: Material, tilt: float = 0.0, lean: float = 0.0) -> None:
        """A box by the middle of its base and its size, turned about x by ``tilt``, about y by ``lean``."""
        self._add(Kind.BOX, base, size, material, tilt, lean)

    def cylinder(self, base: Vector, size: Vector, material: Material, tilt: float = 0.0, lean: float = 0.0) -> None:
        """A cylinder along z inside the box of that base and size."""
        self._add(Kind.CYLINDER, base, size, material, tilt, lean)

    def ball(self, base: Vector, size: Vector, material: Material, tilt: float = 0.0, lean: float = 0.0) -> None:
        """An ellipsoid inside the box of that base and size."""
        self._add(Kind.BALL, base, size, material, tilt, lean)

    def _add(self, kind: Kind, base: Vector, size: Vector, material: Material, tilt: float, lean: float) -> None:
        centre = self.world(base[0], base[1], base[2] + size[2] / 2)
        half = (size[0] / 2, size[1] / 2, size[2] / 2)
        turn = _turn(self.cos, self.sin, tilt, lean)
        self.stage.shapes.append(Shape(kind, centre, half, turn, self.label, self.group, material))

    def legs(self, width: float, depth: float, height: float, thick: float, material: Material) -> None:
        """Four legs at the corners of a rectangle."""
        add = self.cylinder if material.seed % 2 else self.box
        x, y = width / 2 - thick / 2, depth / 2 - thick / 2
        for sx, sy in ((-1, -1), (-1, 1), (1, -1), (1, 1)):
            add((sx * x, sy * y, 0.0), (thick, thick, height), material)


class Top(NamedTuple):
    """A level surface: middle (x, y) and height z in ``frame``, its width and depth (m)."""

    frame: Frame
    x: float
    y: float
    z: float
    width: float
    depth: float


class Plan(NamedTuple):
    """A thing not yet placed: the space it needs (m), its class, and how to build it there."""

    width: float
    depth: float
    height: float
    label: int
    build: Callable[[Frame], None]


def _turn(c: float, s: float, tilt: float, lean: float) -> Matrix:
    """Rotation about x by ``tilt`` after y by ``lean``, then about z."""
    if tilt == 0.0 and lean == 0.0:
        return (c, -s, 0.0, s, c, 0.0, 0.0, 0.0, 1.0)
    ct, st, cl, sl = cos(tilt), sin(tilt), cos(lean), sin(lean)
    x, y = (cl, 0.0, sl), (st * sl, ct, -st * cl)
    first = (c * x[0] - s * y[0], c * x[1] - s * y[1], c * x[2] - s * y[2])
    second = (s * x[0] + c * y[0], s * x[1] + c * y[1], s * x[2] + c * y[2])
    return (*first, *second, -ct * sl, st, ct * cl)
