"""Light on surfaces: ambient, Lambert with distance, a shadow from the first light, a little gloss."""

import numpy as np

from src.synthetic.casting import SMALL, Hits, lit
from src.synthetic.geometry import Shapes, dot
from src.synthetic.scene import Light, Scene
from src.synthetic.textures import albedo

SMALL_OUTDOORS = 0.25  # m2: a solid that spans less casts no shadow in the sun
CREVICE = 0.3  # m: how far from a wall the dark of a corner reaches


def shade(scene: Scene, shapes: Shapes, hits: Hits, rays: np.ndarray, pixel: float) -> np.ndarray:
    """Linear radiance P,3 at the hits; ``pixel`` is a pixel's width at depth 1 m."""
    materials = shapes.materials
    length = np.sqrt(dot(rays, rays))
    facing = -dot(hits.normal, rays) / length
    footprint = hits.depth * np.float32(pixel) / np.clip(facing, 0.15, 1)
    colour = albedo(materials, hits.shape, hits.surface, hits.face, footprint)
    gloss = materials.gloss[hits.shape]
    sky = 0.75 + 0.25 * hits.normal[:, 2]
    light = (sky * _openness(shapes, hits))[:, None] * scene.ambient.astype(np.float32)
    glint = np.zeros_like(light)
    for index, lamp in enumerate(scene.lights):
        matte, shiny = _from_lamp(shapes, hits, rays / length[:, None], lamp, index == 0)
        light += matte[:, None] * lamp.power.astype(np.float32)
        glint += (shiny * gloss)[:, None] * lamp.power.astype(np.float32)
    glow = materials.glow[hits.shape][:, None]
    return colour * (light + glow) + glint


def _openness(shapes: Shapes, hits: Hits) -> np.ndarray:
    """Share of the ambient light that the planes leave a point, 0..1."""
    share = np.ones(len(hits.depth), np.float32)
    for index in range(shapes.planes):
        normal = shapes.turn[index, :, 2]
        height = dot(hits.point - shapes.centre[index], normal)
        other = 1 - np.maximum(dot(hits.normal, normal), 0)
        share *= 1 - 0.4 * other * np.exp(-np.maximum(height, 0) / np.float32(CREVICE))
    return share


def _from_lamp(
    shapes: Shapes, hits: Hits, view: np.ndarray, lamp: Light, shadow: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Matte and mirrored irradiance P of one lamp."""
    matte, shiny = np.zeros(len(view), np.float32), np.zeros(len(view), np.float32)
    to_lamp = lamp.position.astype(np.float32) - hits.point
    square = dot(to_lamp, to_lamp)
    to_lamp /= np.sqrt(square)[:, None]
    if lamp.even:
        square = np.ones_like(square)
    slope = dot(to_lamp, hits.normal)
    strength = np.maximum(slope, 0) / (square + np.float32(0.15))
    if lamp.facing is not None:
        strength *= np.maximum(-dot(to_lamp, lamp.facing.astype(np.float32)), 0)
    reached = np.flatnonzero(strength > 1e-4)
    if shadow:
        lifted = hits.point[reached] + np.float32(0.01) * hits.normal[reached]
        small = SMALL_OUTDOORS if lamp.even else SMALL
        reached = reached[lit(shapes, lamp.position.astype(np.float32), lifted, small)]
    matte[reached] = strength[reached]
    middle = to_lamp[reached] - view[reached]
    cosine = dot(middle, hits.normal[reached]) / np.sqrt(dot(middle, middle) + 1e-9)
    shiny[reached] = 3 * np.maximum(cosine, 0) ** 40 / (square[reached] + np.float32(0.5))
    return matte, shiny
