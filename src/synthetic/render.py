"""Draw any scene from any camera at any size, with its exact labels, depth and normals."""

from dataclasses import fields

import numpy as np

from src.synthetic.camera import Camera
from src.synthetic.casting import Hits, cast
from src.synthetic.film import develop
from src.synthetic.geometry import Shapes, dot, stack_shapes
from src.synthetic.noise import hash01, value_noise
from src.synthetic.scene import Scene
from src.synthetic.shading import shade

BAND = 16384  # rays at once: keeps the working arrays in the processor's cache
STRIP = 0.3  # share of the borders between objects that nobody labelled
GLASS = 0.8  # gloss from which a depth sensor is lost
GRAZING = 0.12  # cosine between line of sight and normal below which it is lost, too


def render(scene: Scene, camera: Camera, size: tuple[int, int], grazing: float = GRAZING) -> dict[str, np.ndarray]:
    """Image uint8 H,W,3; label int8 H,W (-1 unlabelled); depth float32 H,W (m, 0 invalid); normal float32 H,W,3.

    Normals are in the camera's frame (x right, y up, z towards the camera). Depth is lost where the cosine between
    line of sight and normal is below ``grazing``, in patches.
    """
    height, width = size
    shapes, rays = stack_shapes(scene.shapes), camera.rays(size)
    hits, radiance = _trace(scene, shapes, camera, rays, size)
    label = shapes.label[hits.shape].reshape(size)
    group = shapes.group[hits.shape].reshape(size)
    label[_unlabelled_strips(label, group, scene.seed, max(1, round(height / 160)))] = -1
    depth = np.where(_lost(shapes, hits, rays, scene.seed, grazing), 0, hits.depth).astype(np.float32)
    return {
        "image": develop(radiance.reshape(height, width, 3), scene.film, np.random.default_rng([scene.seed, *size])),
        "label": label,
        "depth": depth.reshape(size),
        "normal": camera.to_camera(hits.normal).reshape(height, width, 3).astype(np.float32),
    }


def _trace(
    scene: Scene, shapes: Shapes, camera: Camera, rays: np.ndarray, size: tuple[int, int]
) -> tuple[Hits, np.ndarray]:
    """Hits and radiance of the whole picture, band by band."""
    height, width = size
    rows = max(1, BAND // width)
    pixel = 1 / (camera.focal * width)
    bands, light = [], []
    for first in range(0, height, rows):
        part = rays[first * width : (first + rows) * width]
        bands.append(cast(shapes, camera, part, size, first))
        light.append(shade(scene, shapes, bands[-1], part, pixel))
    whole = [np.concatenate([getattr(band, field.name) for band in bands]) for field in fields(Hits)]
    return Hits(*whole), np.concatenate(light)


def _unlabelled_strips(label: np.ndarray, group: np.ndarray, seed: int, width: int) -> np.ndarray:
    """Pixels, H,W bool, on the borders of some pairs of objects of different classes."""
    strip = np.zeros(label.shape, bool)
    for step in range(1, width + 1):
        for here, there in (
            (np.s_[:, :-step], np.s_[:, step:]),
            (np.s_[:-step], np.s_[step:]),
        ):
            one, other = group[here], group[there]
            border = label[here] != label[there]
            chance = hash01(np.minimum(one, other), np.maximum(one, other), np.array(seed))
            strip[here] |= border & (chance < STRIP)
    return strip


def _lost(shapes: Shapes, hits: Hits, rays: np.ndarray, seed: int, grazing: float) -> np.ndarray:
    """Where a depth sensor sees nothing: patches of glass and of surfaces seen edge-on; bool P."""
    patch = value_noise(hits.surface[:, 0] * 4, hits.surface[:, 1] * 4, shapes.group[hits.shape] + seed)
    facing = -dot(hits.normal, rays) / np.sqrt(dot(rays, rays))
    glass = shapes.materials.gloss[hits.shape] > GLASS
    return (glass & (patch > 0.6)) | ((facing < grazing) & (patch > 0.45))
