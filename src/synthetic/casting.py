"""Rays against a whole scene: only pairs of a ray and a solid that can meet are computed."""

from dataclasses import dataclass

import numpy as np

from src.synthetic.camera import Camera
from src.synthetic.geometry import Kind, Shapes, dot, enter, in_unit_frame, meet_planes

CORNERS = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], np.float32)
EDGES = np.array([(i, j) for i in range(8) for j in range(i) if (CORNERS[i] != CORNERS[j]).sum() == 1])
NEAR = 0.1  # m: nothing nearer to the camera is drawn
SMALL = 0.008  # m2: a solid whose two longest half sizes span less casts no shadow


@dataclass(frozen=True)
class Hits:
    """What P rays met: depth P, shape index P, point and unit normal P,3 (world), and surface coordinates
    P,2 in metres and as -1..1 of the face."""

    depth: np.ndarray
    shape: np.ndarray
    point: np.ndarray
    normal: np.ndarray
    surface: np.ndarray
    face: np.ndarray


def cast(shapes: Shapes, camera: Camera, rays: np.ndarray, size: tuple[int, int], first_row: int) -> Hits:
    """Nearest hit of each ray of a band of rows of a picture of ``size``; the planes must close the scene."""
    depth, winner = meet_planes(shapes, camera.position, rays)
    rows = (first_row, first_row + len(rays) // size[1])
    solid, pixel = _screen_pairs(shapes, camera, size, rows)
    entry = enter(shapes, solid, camera.position, rays, pixel)
    hit = np.flatnonzero(entry < depth[pixel])
    solid, pixel, entry = solid[hit], pixel[hit], entry[hit]
    np.minimum.at(depth, pixel, entry)
    nearest = entry == depth[pixel]
    winner[pixel[nearest]] = solid[nearest]
    return _describe(shapes, winner, depth, camera.position + depth[:, None] * rays)


def _screen_pairs(
    shapes: Shapes, camera: Camera, size: tuple[int, int], rows: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Solids and pixels inside their bounding rectangles, by ascending solid."""
    width = size[1]
    left, right, top, bottom = _rectangles(shapes, camera, size)
    top, bottom = np.clip(top - rows[0], 0, rows[1] - rows[0]), np.clip(bottom - rows[0], 0, rows[1] - rows[0])
    solids = np.flatnonzero((left < right) & (top < bottom) & (shapes.kind != Kind.PLANE))
    pixels = [(np.arange(top[k], bottom[k])[:, None] * width + np.arange(left[k], right[k])).ravel() for k in solids]
    if not pixels:
        return solids, solids
    return np.repeat(solids, [len(block) for block in pixels]), np.concatenate(pixels)


def _rectangles(shapes: Shapes, camera: Camera, size: tuple[int, int]) -> list[np.ndarray]:
    """First and last-but-one column and row of what of each solid lies before the near plane; 4 arrays of K."""
    height, width = size
    arms = np.stack(in_unit_frame(shapes.turn[:, None], CORNERS * shapes.half[:, None]), -1)
    corners = camera.to_camera(arms + (shapes.centre - camera.position)[:, None])
    start, end = corners[:, EDGES[:, 0]], corners[:, EDGES[:, 1]]
    one, other = -start[..., 2] - NEAR, -end[..., 2] - NEAR
    crosses = one * other < 0
    share = np.where(crosses, one / np.where(crosses, one - other, 1), 0)
    points = np.concatenate([corners, start + share[..., None] * (end - start)], 1)
    shown = np.concatenate([corners[..., 2] <= -NEAR, crosses], 1)
    scale = camera.focal * width / np.maximum(-points[..., 2], NEAR)
    column, row = points[..., 0] * scale + width / 2, height / 2 - points[..., 1] * scale
    bounds = []
    for value, limit in ((column, width), (row, height)):
        bounds.append(np.clip(np.where(shown, value, np.inf).min(1) - 1, 0, limit).astype(int))
        bounds.append(np.clip(np.where(shown, value, -np.inf).max(1) + 1, 0, limit).astype(int))
    return bounds


def _describe(shapes: Shapes, winner: np.ndarray, depth: np.ndarray, point: np.ndarray) -> Hits:
    """Normals and surface coordinates at the points met."""
    matrix, half, kind = shapes.to_unit[winner], shapes.half[winner], shapes.kind[winner]
    unit = np.stack(in_unit_frame(matrix, point - shapes.centre[winner]), -1)
    pick = np.arange(len(winner))
    axis = np.argmax(np.abs(unit), 1)
    axis[kind == Kind.PLANE] = 2
    local = np.zeros_like(unit)
    local[pick, axis] = np.sign(unit[pick, axis])
    local[kind == Kind.PLANE] = (0, 0, 1)
    first, second = np.where(axis == 0, 1, 0), np.where(axis == 2, 1, 2)
    face = np.stack([unit[pick, first], unit[pick, second]], 1)
    surface = np.stack([face[:, 0] * half[pick, first], face[:, 1] * half[pick, second]], 1)
    side = (kind == Kind.CYLINDER) & (np.hypot(unit[:, 0], unit[:, 1]) > np.abs(unit[:, 2]))
    ball = kind == Kind.BALL
    curved = side | ball
    around = np.arctan2(unit[curved, 1], unit[curved, 0])
    surface[curved] = np.stack([around * half[curved, 0], unit[curved, 2] * half[curved, 2]], 1)
    face[curved] = np.stack([around / np.float32(np.pi), unit[curved, 2]], 1)
    local[curved] = unit[curved]
    local[side, 2] = 0
    local[(kind == Kind.CYLINDER) & ~side, :2] = 0
    cap = (kind == Kind.CYLINDER) & ~side
    local[cap, 2] = np.sign(unit[cap, 2])
    normal = np.stack(in_unit_frame(matrix.transpose(0, 2, 1), local), -1)
    normal /= np.sqrt(dot(normal, normal))[:, None]
    return Hits(depth, winner, point, normal, surface, face)


def lit(shapes: Shapes, light: np.ndarray, point: np.ndarray, small: float = SMALL) -> np.ndarray:
    """Whether the straight way from a light (3) to each of P points is free: bool P.

    Solids that hold the light, such as its own shade, and those whose two longest half sizes span less than ``small``
    (m2) let it pass.
    """
    away = shapes.centre - light
    inside = (np.abs(np.stack(in_unit_frame(shapes.to_unit, -away), -1)) < 1.05).all(1)
    longest = np.sort(shapes.half, 1)
    casts = (shapes.kind != Kind.PLANE) & (longest[:, 1] * longest[:, 2] > small) & ~inside
    way = point - light
    solid, ray = _shadow_pairs(shapes, np.flatnonzero(casts), light, way)
    free = np.ones(len(point), bool)
    free[ray[enter(shapes, solid, light, way, ray) < 1]] = False
    return free


def _shadow_pairs(
    shapes: Shapes, casts: np.ndarray, light: np.ndarray, way: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Solids of ``casts`` and ways P,3 from the light that come near them, by ascending solid."""
    away, half = shapes.centre[casts] - light, shapes.half[casts]
    gap, radius = np.sqrt(dot(away, away)), np.sqrt(dot(half, half))
    # a way meets a solid only inside the cone around its bounding ball, and if it shares the box around it
    sine = np.minimum(radius / np.maximum(gap, 1e-6), 1)
    cosine = np.where(sine < 1, np.sqrt(1 - sine**2), -1) - np.float32(1e-4)
    towards = away / np.maximum(gap, np.float32(1e-6))[:, None]
    unit = np.ascontiguousarray((way / np.sqrt(dot(way, way))[:, None]).T)
    reach = np.stack([dot(np.abs(shapes.turn[casts, axis]), half) for axis in range(3)], 1)
    low, high = away - reach, away + reach
    first, last = np.minimum(way, 0).T.copy(), np.maximum(way, 0).T.copy()
    rays = []
    for k in range(len(casts)):
        near = np.flatnonzero(towards[k] @ unit >= cosine[k])
        for axis in (2, 0, 1):
            near = near[(first[axis, near] < high[k, axis]) & (last[axis, near] > low[k, axis])]
        rays.append(near)
    if not rays:
        return casts, casts
    return np.repeat(casts, [len(near) for near in rays]), np.concatenate(rays)
