"""The generator's pictures: repeatable, varied, and true to the geometry they were drawn from."""

from multiprocessing import get_context

import numpy as np
import pytest

from src.synthetic.camera import Camera, look
from src.synthetic.casting import cast, lit
from src.synthetic.classes import Label
from src.synthetic.geometry import IDENTITY, Kind, Shape, Shapes, stack_shapes
from src.synthetic.rooms import build_room, draw_room
from src.synthetic.textures import Material, Pattern

SIZE = (96, 128)
SEEDS = range(40)
PLAIN = Material(Pattern.PLAIN, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5), 0.1, 0.0, 0, 0.0, 0.0)


@pytest.fixture(scope="module")
def rooms() -> list[dict[str, np.ndarray]]:
    return [draw_room(seed, SIZE) for seed in SEEDS]


def same(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> bool:
    return all(one[name].tobytes() == other[name].tobytes() for name in one)


def test_the_same_seed_gives_the_same_bytes_in_another_process(rooms: list[dict[str, np.ndarray]]) -> None:
    with get_context("spawn").Pool(1) as pool:
        assert same(pool.apply(draw_room, (7, SIZE)), rooms[7])
    assert same(draw_room(7, SIZE), rooms[7])


def test_seeds_differ(rooms: list[dict[str, np.ndarray]]) -> None:
    pictures = {room["image"].tobytes() for room in rooms}
    shapes = {room["depth"].tobytes() for room in rooms}
    assert len(pictures) == len(shapes) == len(SEEDS)


def test_shapes_types_and_ranges(rooms: list[dict[str, np.ndarray]]) -> None:
    for room in rooms:
        kinds = {name: (array.dtype.name, array.shape) for name, array in room.items()}
        assert kinds == {
            "image": ("uint8", (*SIZE, 3)),
            "label13": ("int8", SIZE),
            "depth": ("float32", SIZE),
            "normal": ("float32", (*SIZE, 3)),
        }
        assert room["label13"].min() >= -1
        assert room["label13"].max() <= 12
        valid = room["depth"][room["depth"] != 0]
        assert np.isfinite(valid).all()
        assert 0.1 < valid.min() < valid.max() < 10
        assert room["image"].std() > 5


def test_only_a_small_share_is_unlabelled_or_without_depth(rooms: list[dict[str, np.ndarray]]) -> None:
    assert 0.01 < np.mean([room["label13"] == -1 for room in rooms]) < 0.08
    assert 0.002 < np.mean([room["depth"] == 0 for room in rooms]) < 0.05


def test_every_class_appears(rooms: list[dict[str, np.ndarray]]) -> None:
    counts = np.bincount(np.concatenate([room["label13"].ravel() for room in rooms]) + 1, minlength=14)
    share = dict(zip(list(Label)[1:], counts[1:] / counts.sum(), strict=True))
    assert min(share.values()) > 0.003, share
    assert max(share.values()) < 0.45, share


def test_a_tall_or_odd_size_works() -> None:
    for size in ((33, 47), (64, 32), (1, 1)):
        assert draw_room(3, size)["normal"].shape == (*size, 3)


def back_projected(depth: np.ndarray, focal: float) -> np.ndarray:
    height, width = depth.shape
    x = (np.arange(width) + 0.5 - width / 2) / (focal * width)
    y = (height / 2 - np.arange(height) - 0.5) / (focal * width)
    return depth[..., None] * np.stack([*np.meshgrid(x, y), -np.ones(depth.shape)], -1)


@pytest.mark.parametrize("seed", range(8))
def test_normals_are_unit_and_agree_with_the_depth(seed: int) -> None:
    room = draw_room(seed, SIZE)
    depth, normal = room["depth"].astype(np.float64), room["normal"]
    assert np.abs(np.linalg.norm(normal, axis=-1) - 1).max() < 1e-4
    points = back_projected(depth, build_room(seed)[1].focal)
    across = points[1:-1, 2:] - points[1:-1, :-2]
    along = points[:-2, 1:-1] - points[2:, 1:-1]
    measured = np.cross(across, along)
    measured /= np.linalg.norm(measured, axis=-1, keepdims=True) + 1e-12
    # planar: the four neighbours have the same normal and lie in the same plane
    inner, centre = normal[1:-1, 1:-1], points[1:-1, 1:-1]
    flat = depth[1:-1, 1:-1] > 0
    for rows, columns in (((0, -2), (1, -1)), ((2, None), (1, -1)), ((1, -1), (0, -2)), ((1, -1), (2, None))):
        there = np.s_[rows[0] : rows[1], columns[0] : columns[1]]
        flat &= (np.abs(normal[there] - inner).max(-1) < 1e-5) & (depth[there] > 0)
        flat &= np.abs(((points[there] - centre) * inner).sum(-1)) < 2e-4
    assert flat.mean() > 0.3
    cosine = (measured * inner).sum(-1)[flat]
    # within a tenth of a degree for nearly all; single precision shows on surfaces seen edge-on
    assert np.quantile(np.degrees(np.arccos(np.clip(cosine, -1, 1))), 0.99) < 1.0
    assert (cosine > 0.98).all()


@pytest.mark.parametrize("seed", range(6))
def test_visible_surfaces_face_the_camera(seed: int) -> None:
    room = draw_room(seed, SIZE)
    rays = back_projected(np.ones(SIZE), build_room(seed)[1].focal)
    assert ((room["normal"] * rays).sum(-1) < 1e-3).all()


@pytest.mark.parametrize("seed", range(6))
def test_a_larger_size_is_the_same_scene(seed: int) -> None:
    small, large = draw_room(seed, SIZE), draw_room(seed, (288, 384))
    # with three times the pixels the middle one of each block looks along the same ray
    depth, label = large["depth"][1::3, 1::3], large["label13"][1::3, 1::3]
    both = (small["depth"] > 0) & (depth > 0)
    assert both.mean() > 0.8
    assert (np.abs(small["depth"] - depth) < 1e-3)[both].mean() > 0.995
    named = (small["label13"] >= 0) & (label >= 0)
    assert (small["label13"] == label)[named].mean() > 0.995
    assert np.abs(small["image"].astype(float).mean() - large["image"].mean()) < 12


def brute_force(shape: Shape, origin: np.ndarray, ray: np.ndarray) -> float:
    """First point of a finely sampled ray inside the unit shape, in double precision."""
    turn = np.array(shape.turn).reshape(3, 3)
    steps = np.linspace(0.2, 12, 12001)
    local = ((origin + steps[:, None] * ray - shape.centre) @ turn) / shape.half
    inside = {
        Kind.BOX: (np.abs(local) < 1).all(1),
        Kind.CYLINDER: (np.hypot(local[:, 0], local[:, 1]) < 1) & (np.abs(local[:, 2]) < 1),
        Kind.BALL: (local**2).sum(1) < 1,
    }[shape.kind]
    return float(steps[np.argmax(inside)]) if inside.any() else np.inf


def solid(kind: Kind, rng: np.random.Generator) -> Shape:
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    turn *= np.sign(np.linalg.det(turn))
    a, b, c, d, e, f, g, h, i = turn.ravel().tolist()
    x, y, z = rng.uniform((-1, 2, -1), (1, 5, 1)).tolist()
    u, v, w = rng.uniform(0.2, 0.8, 3).tolist()
    return Shape(kind, (x, y, z), (u, v, w), (a, b, c, d, e, f, g, h, i), 5, 1, PLAIN)


def world_of(*shapes: Shape) -> Shapes:
    far_wall = (1.0, 0.0, 0.0, 0.0, 0.0, -1.0, 0.0, 1.0, 0.0)
    return stack_shapes([Shape(Kind.PLANE, (0.0, 9.0, 0.0), (1.0, 1.0, 1.0), far_wall, 11, 0, PLAIN), *shapes])


def view(size: tuple[int, int]) -> tuple[Camera, np.ndarray]:
    camera = look((0.1, -0.5, 0.2), 0.1, -0.05, 0.3, 0.8)
    return camera, camera.rays(size)


@pytest.mark.parametrize("kind", [Kind.BOX, Kind.CYLINDER, Kind.BALL])
def test_the_caster_agrees_with_marching_along_the_ray(kind: Kind) -> None:
    rng = np.random.default_rng(int(kind))
    size = (24, 32)
    camera, rays = view(size)
    shapes = [solid(kind, rng) for _ in range(3)]
    depth = cast(world_of(*shapes), camera, rays, size, 0).depth
    for pixel in rng.choice(len(rays), 60, replace=False):
        marched = min(brute_force(shape, camera.position, rays[pixel]) for shape in shapes)
        wall = (9.0 - camera.position[1]) / rays[pixel, 1]
        assert depth[pixel] == pytest.approx(min(marched, wall), abs=1.5e-3)


def test_a_band_of_rows_is_part_of_the_whole_picture() -> None:
    rng = np.random.default_rng(5)
    size = (40, 32)
    camera, rays = view(size)
    shapes = world_of(*(solid(kind, rng) for kind in (Kind.BOX, Kind.CYLINDER, Kind.BALL)))
    whole = cast(shapes, camera, rays, size, 0)
    band = cast(shapes, camera, rays[10 * 32 : 25 * 32], size, 10)
    assert np.array_equal(band.depth, whole.depth[10 * 32 : 25 * 32])
    assert np.array_equal(band.shape, whole.shape[10 * 32 : 25 * 32])


def test_shadows_agree_with_marching_from_the_light() -> None:
    rng = np.random.default_rng(11)
    shapes = [solid(kind, rng) for kind in (Kind.BOX, Kind.CYLINDER, Kind.BALL)]
    shapes.append(Shape(Kind.BOX, (0.0, 5.5, 0.0), (1.2, 0.02, 1.2), IDENTITY, 5, 1, PLAIN))
    light = np.array([0.5, -1.0, 2.5], np.float32)
    points = rng.uniform((-1.5, 2, -2), (1.5, 7, 1.5), (400, 3)).astype(np.float32)
    free = lit(world_of(*shapes), light, points)
    blocked = []
    for point in points:
        ray = (point - light) / 12  # so that the march ends at the point
        blocked.append(min(brute_force(shape, light, ray) for shape in shapes) < 12)
    assert 40 < sum(blocked) < 360
    assert (free == ~np.array(blocked)).mean() > 0.99  # rays that only graze an edge may differ


def test_a_wall_before_the_camera_has_the_normal_0_0_1() -> None:
    camera = look((0.0, 0.0, 1.0), 0.0, 0.0, 0.0, 0.8)
    rays = camera.rays((6, 8))
    hits = cast(world_of(), camera, rays, (6, 8), 0)
    assert np.allclose(camera.to_camera(hits.normal), [0, 0, 1], atol=1e-6)
    assert np.allclose(hits.depth, 9)


def test_a_camera_that_looks_down_sees_the_floor_turned_up_and_towards_it() -> None:
    pitch = np.radians(-30)
    camera = look((0.0, 0.0, 2.0), 0.4, pitch, 0.0, 0.8)
    floor = stack_shapes([Shape(Kind.PLANE, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), IDENTITY, 4, 0, PLAIN)])
    hits = cast(floor, camera, camera.rays((1, 1)), (1, 1), 0)
    assert np.allclose(camera.to_camera(hits.normal), [0, np.cos(pitch), -np.sin(pitch)], atol=1e-6)
    assert hits.depth[0] == pytest.approx(2 / np.sin(-pitch), rel=1e-5)


@pytest.mark.parametrize("seed", range(25))
def test_the_camera_is_outside_all_things_and_inside_the_room(seed: int) -> None:
    scene, camera = build_room(seed)
    for shape in scene.shapes:
        local = (camera.position - shape.centre) @ np.array(shape.turn).reshape(3, 3)
        if shape.kind == Kind.PLANE:
            assert local[2] > 0.1
        else:
            assert (np.abs(local) > np.array(shape.half) + 0.25).any()


@pytest.mark.parametrize("seed", range(25))
def test_nothing_floats(seed: int) -> None:
    """Going from touching thing to touching thing, every solid is reached from floor, walls or ceiling."""
    shapes = build_room(seed)[0].shapes
    solids = stack_shapes([shape for shape in shapes if shape.kind != Kind.PLANE])
    reach = np.einsum("kij,kj->ki", np.abs(solids.turn), solids.half) + 0.02
    low, high = solids.centre - reach, solids.centre + reach
    held = np.zeros(len(low), bool)
    for plane in (shape for shape in shapes if shape.kind == Kind.PLANE):
        normal = np.array(plane.turn).reshape(3, 3)[:, 2]
        nearest = (solids.centre - plane.centre) @ normal - reach @ np.abs(normal)
        held |= nearest < 0.01
    touch = ((low[:, None] < high[None]) & (low[None] < high[:, None])).all(-1)
    for _ in range(20):
        held |= touch[held].any(0)
    assert held.all(), np.unique(solids.group[~held])
