"""Flat pictures of scenes and of book spines: they look like depth and have none."""

import numpy as np

from src.synthetic.noise import hash01, value_noise

SHAPES = 5


def paint_scene(face: np.ndarray, first: np.ndarray, second: np.ndarray, seed: np.ndarray) -> np.ndarray:
    """Colours P,3 of a landscape or room painted on a face with coordinates P,2 in -1..1."""
    x, y = face[:, 0], face[:, 1]
    horizon = 1.2 * _pick(seed, 0) - 0.8
    horizon = horizon + (_pick(seed, 1) < 0.5) * 0.5 * (value_noise(3 * x + 9, 0 * x, seed) - 0.5)
    ground = y < horizon
    below = np.where(ground, horizon - y, 1) + 0.12
    # tiles that shrink towards the horizon: a painted perspective
    tiles = (np.floor(1.5 * x / below) + np.floor(1.5 / below)) % 2 * (_pick(seed, 2) < 0.5)
    up = np.clip((y - horizon) / (1.2 - horizon), 0, 1)
    colour = np.where(ground[:, None], second * (1 - 0.5 * tiles[:, None]), first * (0.5 + 0.5 * up[:, None]))
    for index in range(SHAPES):
        key = 10 + 8 * index
        left, base = 2 * _pick(seed, key) - 1, horizon - 0.6 * _pick(seed, key + 1) + 0.15
        wide, high = 0.1 + 0.4 * _pick(seed, key + 2), 0.2 + 0.7 * _pick(seed, key + 3)
        a, b = (x - left) / wide, (y - base) / high
        box = (np.abs(a) < 1) & (b > 0) & (b < 1)
        disc = a * a + (2 * b - 1) ** 2 < 1
        inside = np.where(_pick(seed, key + 4) < 0.6, box, disc)
        tint = np.stack([_pick(seed, key + 5), _pick(seed, key + 6), _pick(seed, key + 7)], 1) ** 2
        # one side darker, as if it were lit from the left
        colour = np.where(inside[:, None], tint * np.where(a > 0.3, 0.5, 1.0)[:, None], colour)
    return colour


def paint_spines(face: np.ndarray, first: np.ndarray, second: np.ndarray, seed: np.ndarray) -> np.ndarray:
    """Colours P,3 of a row of book spines painted on a face with coordinates P,2 in -1..1."""
    across = (face[:, 0] + 1) * (4 + 7 * _pick(seed, 0))
    book = np.floor(across + 0.5 * value_noise(across, 0 * across, seed)).astype(np.int32)
    tint = np.stack([hash01(book, book + k, seed) for k in (1, 2, 3)], 1) ** 2
    mix = hash01(book, book + 4, seed)[:, None]
    colour = np.where(mix < 0.4, first, np.where(mix < 0.6, second, tint))
    band = np.abs(face[:, 1] - 0.8 * hash01(book, book + 5, seed)) < 0.12
    colour = np.where(band[:, None], 0.6 - 0.5 * colour, colour)
    top = 0.55 + 0.45 * hash01(book, book + 6, seed)
    return np.where((face[:, 1] > top)[:, None], 0.03, colour)


def _pick(seed: np.ndarray, key: int) -> np.ndarray:
    return hash01(np.full(len(seed), key), np.full(len(seed), 7 * key), seed)
