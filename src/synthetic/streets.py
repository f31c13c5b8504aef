"""Streets: one seed makes one road scene and the view of a car's camera, with disparity as from a stereo pair."""

from math import cos, radians, sin
from random import Random

import numpy as np

from src.synthetic.building import Frame
from src.synthetic.camera import Camera, look
from src.synthetic.render import render
from src.synthetic.scene import Film, Light, Scene
from src.synthetic.streets_classes import Road
from src.synthetic.streets_filling import fill
from src.synthetic.streets_layout import HORIZON, Street
from src.synthetic.streets_palette import StreetPalette, StreetStage

FULL_WIDTH = 2048  # pixels: the width at which Cityscapes counts disparity
FOCAL = 2262 / FULL_WIDTH  # focal length over picture width
BASELINE = 0.22  # m between the two cameras
MOST = 126.0  # pixels of disparity that its stereo matching finds at most
SUN = 160.0  # m: far enough for even light, near enough for exact shadows
HEIGHT = 1.22  # m of the camera above the road


def draw_street(seed: int, size: tuple[int, int]) -> dict[str, np.ndarray]:
    """Draw street ``seed``: image uint8 H,W,3; label19 int8 H,W (-1 unlabelled); depth float32 H,W, which
    is disparity as Cityscapes stores it, (256 pixels + 1) / 65535 at a width of 2048, 0 invalid.

    The scene depends on the seed alone; ``size`` (H, W) only sets the resolution.
    """
    scene, camera = build_street(seed)
    drawn = render(scene, camera, size, grazing=0.0)
    return {
        "image": drawn["image"],
        "label19": drawn["label"],
        "depth": as_stored(disparity(drawn["depth"])),
    }


def disparity(depth: np.ndarray) -> np.ndarray:
    """Disparity H,W in pixels at full width from depth H,W (m, 0 invalid) of the left camera; 0 where it has none.

    It has none in the sky, beyond what is searched, and where the right camera does not see the point.
    """
    far = (depth == 0) | (depth > 0.8 * HORIZON)
    pixels = np.where(far, 0, BASELINE * FOCAL * FULL_WIDTH / np.where(far, 1, depth))
    width = depth.shape[1]
    column = (np.arange(width) + np.float32(0.5)) * (FULL_WIDTH / width)
    seen = column - pixels  # the column in the right picture
    # what stands further right in the left picture but further left in the right one hides a point
    nearest = np.minimum.accumulate(seen[:, ::-1], axis=1)[:, ::-1]
    hidden = np.zeros(depth.shape, bool)
    hidden[:, :-1] = nearest[:, 1:] < seen[:, :-1]
    return np.where(hidden | (seen < 0) | (pixels > MOST), 0, pixels).astype(np.float32)


def as_stored(pixels: np.ndarray) -> np.ndarray:
    """Disparity in pixels at full width, 0 invalid, in the store's unit: raw 16-bit value / 65535; float32."""
    return np.where(pixels > 0, (pixels * 256 + 1) / 65535, 0).astype(np.float32)


def build_street(seed: int) -> tuple[Scene, Camera]:
    """The solids, lights and camera of street ``seed``."""
    draw = Random(seed)
    stage = StreetStage(draw, StreetPalette(draw))
    fill(Street(stage))
    position = (draw.uniform(-0.3, 0.3), 0.0, HEIGHT + draw.gauss(0, 0.03))
    if stage.chance(0.8):
        _add_hood(stage)
    lights, ambient = _light(draw)
    turn = (radians(draw.gauss(0, 2.0)), radians(draw.gauss(-0.5, 0.7)), radians(draw.gauss(0, 0.5)))
    return Scene(stage.shapes, lights, ambient, _load_film(draw), seed), look(position, *turn, FOCAL)


def _add_hood(stage: StreetStage) -> None:
    """The bonnet of the camera's own car, which nobody labelled."""
    hood = Frame(stage, (0.0, 1.2, HEIGHT), 0.0, Road.UNLABELLED)
    high = stage.draw.uniform(1.08, 1.2)
    hood.ball((0, 0, -0.87 - high / 2), (2.4, 2.0, high), stage.palette.lacquer())


def _light(draw: Random) -> tuple[list[Light], np.ndarray]:
    """The sun in any direction, or behind clouds."""
    round_about, up = draw.uniform(-np.pi, np.pi), radians(draw.uniform(18, 60))
    place = SUN * np.array([sin(round_about) * cos(up), cos(round_about) * cos(up), sin(up)]) + np.array([0, 35, 0])
    power = draw.uniform(0.8, 2.2) if draw.random() < 0.5 else draw.uniform(0.05, 0.3)
    warm = draw.uniform(0, 0.2)
    sun = Light(place, power * np.array([1 + warm, 1.0, 1 - warm]), even=True)
    return [sun], draw.uniform(0.4, 0.9) * np.array([0.92, 1.0, 1.1])


def _load_film(draw: Random) -> Film:
    """Most pictures well exposed, some dark and noisy."""
    level = draw.uniform(0.13, 0.32) if draw.random() < 0.85 else draw.uniform(0.05, 0.13)
    balance = np.array([draw.uniform(0.85, 1.1), 1.0, draw.uniform(0.85, 1.1)])
    electrons = 10 ** draw.uniform(2.7, 3.8)
    return Film(level, balance, draw.uniform(0, 0.7), electrons, draw.uniform(0.002, 0.012), draw.uniform(1.8, 2.5))
