"""Four solids under affine maps, and where rays enter them.

The world is in metres with z up. A solid is a unit shape (half-space z < 0, cube, cylinder along z, ball)
scaled by half its size, turned, and moved; a ray is taken into the unit frame and met there.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

import numpy as np

from src.synthetic.textures import Material, Materials, stack_materials

Vector = tuple[float, float, float]
Matrix = tuple[float, float, float, float, float, float, float, float, float]
IDENTITY: Matrix = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
TINY = np.float32(1e-9)


class Kind(IntEnum):
    """The unit shapes, in the order in which `stack_shapes` sorts them."""

    PLANE = 0
    BOX = 1
    CYLINDER = 2
    BALL = 3


class Shape(NamedTuple):
    """One solid: ``half`` its size along its own axes (m), and ``turn`` from them to the world, row by row."""

    kind: Kind
    centre: Vector
    half: Vector
    turn: Matrix
    label: int
    group: int
    material: Material


@dataclass(frozen=True)
class Shapes:
    """K solids as arrays sorted by kind: centre, half K,3 (m); turn, to_unit K,3,3; the rest K."""

    kind: np.ndarray
    centre: np.ndarray
    half: np.ndarray
    turn: np.ndarray
    to_unit: np.ndarray
    label: np.ndarray
    group: np.ndarray
    materials: Materials

    @property
    def planes(self) -> int:
        """How many of the shapes are planes; they come first."""
        return int(np.searchsorted(self.kind, Kind.BOX))


def stack_shapes(shapes: list[Shape]) -> Shapes:
    """Sort solids by kind and turn them into arrays."""
    shapes = sorted(shapes, key=lambda shape: shape.kind)
    half = np.array([shape.half for shape in shapes], np.float32)
    turn = np.array([shape.turn for shape in shapes], np.float32).reshape(-1, 3, 3)
    return Shapes(
        kind=np.array([shape.kind for shape in shapes], np.int8),
        centre=np.array([shape.centre for shape in shapes], np.float32),
        half=half,
        turn=turn,
        to_unit=np.ascontiguousarray(turn.transpose(0, 2, 1) / half[:, :, None]),
        label=np.array([shape.label for shape in shapes], np.int8),
        group=np.array([shape.group for shape in shapes], np.int32),
        materials=stack_materials([shape.material for shape in shapes]),
    )


def in_unit_frame(matrix: np.ndarray, vector: np.ndarray) -> list[np.ndarray]:
    """Apply ...,3,3 to ...,3 term by term (no BLAS: the same bytes everywhere); three arrays."""
    x, y, z = vector[..., 0], vector[..., 1], vector[..., 2]
    return [matrix[..., i, 0] * x + matrix[..., i, 1] * y + matrix[..., i, 2] * z for i in range(3)]


def dot(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Scalar products ... of ...,3 with ...,3 or 3."""
    product = one[..., 0] * other[..., 0] + one[..., 1] * other[..., 1]
    return np.asarray(product + one[..., 2] * other[..., 2])


def meet_planes(shapes: Shapes, origin: np.ndarray, directions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Nearest plane met from its front by each of P rays: parameter P (inf: none) and plane index P."""
    best = np.full(len(directions), np.inf, np.float32)
    winner = np.zeros(len(directions), np.int32)
    for index in range(shapes.planes):
        normal = shapes.turn[index, :, 2]
        height, slope = dot(origin - shapes.centre[index], normal), dot(directions, normal)
        distance = np.where(slope < -TINY, -height / np.minimum(slope, -TINY), np.inf)
        nearer = distance < best
        best[nearer], winner[nearer] = distance[nearer], index
    return best, winner


def enter(shapes: Shapes, shape: np.ndarray, origin: np.ndarray, directions: np.ndarray, ray: np.ndarray) -> np.ndarray:
    """Parameter at which ray ``ray[n]`` enters solid ``shape[n]`` (ascending): n float32, inf for a miss."""
    unit_origin = np.stack(in_unit_frame(shapes.to_unit, origin - shapes.centre))
    matrix = shapes.to_unit.reshape(-1, 9).T
    result = np.full(len(shape), np.inf, np.float32)
    bounds = np.searchsorted(shape, np.searchsorted(shapes.kind, [1, 2, 3, 4]))
    for meet, start, stop in zip((_box, _cylinder, _ball), bounds[:-1], bounds[1:], strict=True):
        if start == stop:
            continue
        solid, line = shape[start:stop], ray[start:stop]
        x, y, z = (directions[line, axis] for axis in range(3))
        m = [row[solid] for row in matrix]
        d = [m[3 * i] * x + m[3 * i + 1] * y + m[3 * i + 2] * z for i in range(3)]
        near, far = meet([row[solid] for row in unit_origin], d)
        result[start:stop] = np.where((near < far) & (near > 1e-4), near, np.inf)
    return result


def _slab(origin: np.ndarray, direction: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    inverse = np.float32(1) / np.where(np.abs(direction) < TINY, TINY, direction)
    middle, reach = -origin * inverse, np.abs(inverse)
    return middle - reach, middle + reach


def _roots(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    a = np.maximum(a, TINY)
    square = b * b - a * c
    root = np.sqrt(np.maximum(square, 0))
    return np.where(square > 0, (-b - root) / a, np.inf), (root - b) / a


def _box(o: list[np.ndarray], d: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    (near, far), (near_y, far_y), (near_z, far_z) = (_slab(o[i], d[i]) for i in range(3))
    return np.maximum(np.maximum(near, near_y), near_z), np.minimum(np.minimum(far, far_y), far_z)


def _cylinder(o: list[np.ndarray], d: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    near, far = _roots(d[0] ** 2 + d[1] ** 2, o[0] * d[0] + o[1] * d[1], o[0] ** 2 + o[1] ** 2 - 1)
    near_z, far_z = _slab(o[2], d[2])
    return np.maximum(near, near_z), np.minimum(far, far_z)


def _ball(o: list[np.ndarray], d: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    a = d[0] ** 2 + d[1] ** 2 + d[2] ** 2
    b = o[0] * d[0] + o[1] * d[1] + o[2] * d[2]
    return _roots(a, b, o[0] ** 2 + o[1] ** 2 + o[2] ** 2 - 1)
