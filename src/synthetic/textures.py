"""Patterns in surface coordinates: what colour a material has at a point."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

import numpy as np

from src.synthetic.noise import hash01, value_noise
from src.synthetic.paintings import paint_scene, paint_spines

Colour = tuple[float, float, float]


class Pattern(IntEnum):
    """How a material mixes its two colours; scenes and spines are pictures of their own."""

    PLAIN = 0
    CHECKER = 1
    STRIPES = 2
    WOOD = 3
    BRICK = 4
    BLOTCHES = 5
    DOTS = 6
    WEAVE = 7
    SCENE = 8
    SPINES = 9
    PANES = 10


class Material(NamedTuple):
    """Linear colours, pattern size (m), its turn (rad), and per unit: gloss (above 0.8: glass) and glow."""

    pattern: Pattern
    first: Colour
    second: Colour
    scale: float
    angle: float
    seed: int
    gloss: float
    glow: float


@dataclass(frozen=True)
class Materials:
    """K materials as arrays: first, second K,3; the rest K."""

    pattern: np.ndarray
    first: np.ndarray
    second: np.ndarray
    scale: np.ndarray
    angle: np.ndarray
    seed: np.ndarray
    gloss: np.ndarray
    glow: np.ndarray


def stack_materials(materials: list[Material]) -> Materials:
    """Turn materials into arrays."""
    columns = list(zip(*materials, strict=True))
    pattern, seed = np.array(columns[0], np.int8), np.array(columns[5], np.int64)
    first, second, scale, angle, gloss, glow = (np.array(columns[i], np.float32) for i in (1, 2, 3, 4, 6, 7))
    return Materials(pattern, first, second, scale, angle, seed, gloss, glow)


def albedo(
    materials: Materials, index: np.ndarray, surface: np.ndarray, face: np.ndarray, footprint: np.ndarray
) -> np.ndarray:
    """Linear colour P,3 of material ``index`` P at coordinates P,2; ``footprint`` P: a pixel's width there (m).

    A pattern finer than the pixel fades to its mean, as a camera would see it.
    """
    colour, seed = materials.first[index].copy(), materials.seed[index]
    pattern, scale = materials.pattern[index], materials.scale[index]
    turn = materials.angle[index]
    c, s = np.cos(turn), np.sin(turn)
    u = (surface[:, 0] * c - surface[:, 1] * s) / scale + seed % 17
    v = (surface[:, 0] * s + surface[:, 1] * c) / scale + seed % 13
    keep = np.clip(1.6 - 1.2 * footprint / scale, 0, 1)
    for kind, mix in MIXERS.items():
        at = np.flatnonzero(pattern == kind)
        if len(at):
            weight = mix(u[at], v[at], seed[at])
            weight = (0.5 + (weight - 0.5) * keep[at])[:, None]
            colour[at] += (materials.second[index[at]] - colour[at]) * weight
    for kind, paint in ((Pattern.SCENE, paint_scene), (Pattern.SPINES, paint_spines)):
        at = np.flatnonzero(pattern == kind)
        if len(at):
            colour[at] = paint(face[at], colour[at], materials.second[index[at]], seed[at])
    return colour


def _plain(u: np.ndarray, v: np.ndarray, seed: np.ndarray) -> np.ndarray:
    return value_noise(u, v, seed) * np.float32(0.25)


def _checker(u: np.ndarray, v: np.ndarray, seed: np.ndarray) -> np.ndarray:
    return (np.floor(u) + np.floor(v)) % 2


def _stripes(u: np.ndarray, v: np.ndarray, seed: np.ndarray) -> np.ndarray:
    return (u % 1 < 0.25 + 0.5 * hash01(seed, seed, seed)).astype(np.float32)


def _wood(u: np.ndarray, v: np.ndarray, seed: np.ndarray) -> np.ndarray:
    plank = np.floor(v)
    board = hash01(plank.astype(np.int32), np.floor(u / 8 + plank * 0.37).astype(np.int32), seed)
    grain = value_noise(u * np.float32(0.8) + 40 * board, v * 9, seed)
    return np.where(v % 1 < 0.05, 1, 0.55 * board + 0.45 * grain)


def _brick(u: np.ndarray, v: np.ndarray, seed: np.ndarray) -> np.ndarray:
    """Compute a brick wall's shade in [0, 1] at (u, v): 1 in the joints, one shade per brick."""
    row = np.floor(v)
    across = u / 2 + (row % 2) / 2
    joint = (v % 1 < 0.1) | (across % 1 < 0.05)
    shade = hash01(np.floor(across).astype(np.int32), row.astype(np.int32), seed)
    return np.where(joint, 1, shade * np.float32(0.35))


def _blotches(u: np.ndarray, v: np.ndarray, seed: np.ndarray) -> np.ndarray:
    coarse = value_noise(u, v, seed) + value_noise(2 * u, 2 * v, seed + 1) / 2
    return np.clip((coarse - 0.55) * 3, 0, 1)


def _dots(u: np.ndarray, v: np.ndarray, seed: np.ndarray) -> np.ndarray:
    return ((u % 1 - 0.5) ** 2 + (v % 1 - 0.5) ** 2 < 0.09).astype(np.float32)


def _weave(u: np.ndarray, v: np.ndarray, seed: np.ndarray) -> np.ndarray:
    across, along = u % 1 < 0.3, v % 1 < 0.3
    return (across.astype(np.float32) + along) / 2


def _panes(u: np.ndarray, v: np.ndarray, seed: np.ndarray) -> np.ndarray:
    across, up = u * (0.8 + 0.7 * hash01(seed, seed, seed)), v
    inside = (np.abs(across % 1 - 0.5) < 0.15 + 0.2 * hash01(seed + 1, seed, seed)) & (np.abs(up % 1 - 0.5) < 0.3)
    shade = hash01(np.floor(across).astype(np.int32), np.floor(up).astype(np.int32), seed)
    return np.where(inside, 1 - 0.5 * shade, 0.06 * shade)


MIXERS: dict[Pattern, Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]] = {
    Pattern.PLAIN: _plain,
    Pattern.CHECKER: _checker,
    Pattern.STRIPES: _stripes,
    Pattern.WOOD: _wood,
    Pattern.BRICK: _brick,
    Pattern.BLOTCHES: _blotches,
    Pattern.DOTS: _dots,
    Pattern.WEAVE: _weave,
    Pattern.PANES: _panes,
}
