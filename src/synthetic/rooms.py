"""Rooms: one seed makes one cluttered room and one view into it."""

from math import atan2, hypot, radians
from random import Random

import numpy as np

from src.synthetic.building import Frame, Stage
from src.synthetic.camera import NYUV2_FOCAL, Camera, look
from src.synthetic.casting import cast
from src.synthetic.classes import Label
from src.synthetic.furnishing import furnish
from src.synthetic.geometry import Shapes, stack_shapes
from src.synthetic.layout import Claim, Room
from src.synthetic.palette import Palette
from src.synthetic.render import render
from src.synthetic.scene import Film, Light, Scene

GLANCE = (9, 12)  # the size at which a view is judged


def draw_room(seed: int, size: tuple[int, int]) -> dict[str, np.ndarray]:
    """Draw room ``seed``: image uint8 H,W,3; label13 int8 H,W (-1 unlabelled); depth float32 H,W (m, 0 invalid);
    normal float32 H,W,3 (camera frame: x right, y up, z towards the camera).

    The scene depends on the seed alone; ``size`` (H, W) only sets the resolution.
    """
    scene, camera = build_room(seed)
    drawn = render(scene, camera, size)
    return {"image": drawn["image"], "label13": drawn["label"], "depth": drawn["depth"], "normal": drawn["normal"]}


def build_room(seed: int) -> tuple[Scene, Camera]:
    """The solids, lights and camera of room ``seed``."""
    draw = Random(seed)
    stage = Stage(draw, Palette(draw))
    room = Room(stage)
    furnish(room)
    lights, ambient = _light(room)
    scene = Scene(stage.shapes, lights, ambient, _load_film(draw), seed)
    return scene, _find_view(room)


def _light(room: Room) -> tuple[list[Light], np.ndarray]:
    """A ceiling lamp, lit lamps and window light in random strengths."""
    stage, draw = room.stage, room.stage.draw
    x, y = draw.uniform(-0.35, 0.35) * room.width, draw.uniform(-0.35, 0.35) * room.depth
    wide = draw.uniform(0.2, 0.5)
    bulb = Frame(stage, (x, y, room.height), 0.0, Label.OBJECTS)
    bulb.cylinder((0, 0, -0.09), (wide, wide, 0.1), stage.palette.paint()._replace(glow=draw.uniform(0.3, 2)))
    lights = [Light(np.array(bulb.world(0, 0, -0.14)), _warm(draw, draw.uniform(0.5, 2.0)))]
    lights += [Light(np.array(spot), _warm(draw, draw.uniform(0.2, 0.8))) for spot in stage.lamps[:1]]
    panes = [shape for shape in stage.shapes if shape.material.glow > 0.2 and shape.half[1] < 0.011]
    for pane in panes[:1]:
        inward = -np.array(pane.turn).reshape(3, 3)[:, 1]
        power = pane.material.glow * draw.uniform(0.5, 2.0) * np.array([0.9, 1.0, 1.15])
        lights.append(Light(np.array(pane.centre) + 0.05 * inward, power, inward))
    if stage.chance(0.3):  # by the light of a window or a lamp alone
        lights = lights[1:] or lights
    return lights, _warm(draw, draw.uniform(0.08, 0.5))


def _warm(draw: Random, power: float) -> np.ndarray:
    tone = draw.uniform(-0.2, 0.35)
    return power * np.array([1 + tone, 1.0, 1 - tone])


def _load_film(draw: Random) -> Film:
    """Most pictures well exposed, some dark and noisy."""
    level = draw.uniform(0.12, 0.35) if draw.random() < 0.75 else draw.uniform(0.04, 0.12)
    balance = np.array([draw.uniform(0.8, 1.25), 1.0, draw.uniform(0.8, 1.25)])
    electrons = 10 ** draw.uniform(2.4, 3.7)
    return Film(level, balance, draw.uniform(0, 0.9), electrons, draw.uniform(0.002, 0.02), draw.uniform(1.8, 2.6))


def _find_view(room: Room) -> Camera:
    """The richest of a few views from free spots."""
    shapes, best, camera = stack_shapes(room.stage.shapes), -1.0, None
    for _ in range(24):
        candidate = _try_view(room)
        if candidate is None:
            continue
        score = _judge(shapes, candidate) * room.stage.draw.uniform(0.75, 1.0)
        if camera is None or score > best:
            best, camera = score, candidate
        if best > 0.62:
            break
    # a room too full to stand in is seen from under its ceiling
    return camera or look((0.0, 0.0, room.height - 0.2), 0.0, -0.4, 0.0, NYUV2_FOCAL)


def _try_view(room: Room) -> Camera | None:
    """A free spot at head or hand height, looking at some thing or across the room."""
    draw = room.stage.draw
    x, y = (draw.uniform(-0.5, 0.5) * (length - 0.6) for length in (room.width, room.depth))
    z = draw.uniform(0.9, 1.75)
    if any(claim.holds(x, y, z, 0.4) for claim in room.claims):
        return None
    claim = draw.choice(room.claims or [Claim((-1.0, -1.0, 0.0), (1.0, 1.0, 1.0))])
    aim = [draw.uniform(low, high) for low, high in zip(claim.low, claim.high, strict=True)]
    away = hypot(aim[0] - x, aim[1] - y)
    if away < 1.2:
        return None
    yaw = atan2(x - aim[0], aim[1] - y) + radians(draw.uniform(-18, 18))
    pitch = max(radians(-35), min(radians(10), atan2(aim[2] - z, away) + radians(draw.gauss(0, 7))))
    roll, zoom = radians(draw.gauss(0, 3)), draw.uniform(0.92, 1.1)
    return look((x, y, z), yaw, pitch, roll, NYUV2_FOCAL * zoom)


def _judge(shapes: Shapes, camera: Camera) -> float:
    """How much a view shows, 0..1: an even spread over classes; 0 if something stands before the lens."""
    hits = cast(shapes, camera, camera.rays(GLANCE), GLANCE, 0)
    if hits.depth.min() < 0.45 or np.median(hits.depth) < 1.1:
        return 0.0
    share = np.bincount(shapes.label[hits.shape] + 1, minlength=14) / len(hits.depth)
    return float(1 - (share**2).sum())
