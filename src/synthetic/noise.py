"""Hash and value noise on integer lattices: the same numbers for the same coordinates, always."""

import numpy as np


def hash01(x: np.ndarray, y: np.ndarray, seed: np.ndarray) -> np.ndarray:
    """A number in [0, 1) for each lattice point, float32, of the broadcast shape; all three are integer arrays."""
    h = x.astype(np.uint32) * np.uint32(0x9E3779B1)
    h = h ^ (y.astype(np.uint32) * np.uint32(0x85EBCA77) + seed.astype(np.uint32) * np.uint32(0xC2B2AE3D))
    h = (h ^ (h >> np.uint32(15))) * np.uint32(0x2C1B3C6D)
    h = (h ^ (h >> np.uint32(12))) * np.uint32(0x297A2D39)
    return (h >> np.uint32(8)).astype(np.float32) * np.float32(2**-24)


def value_noise(x: np.ndarray, y: np.ndarray, seed: np.ndarray) -> np.ndarray:
    """Smooth noise in [0, 1) that changes over a distance of 1, shape of ``x``."""
    left, low = np.floor(x), np.floor(y)
    u, v = x - left, y - low
    u, v = u * u * (3 - 2 * u), v * v * (3 - 2 * v)
    i, j = left.astype(np.int32), low.astype(np.int32)
    bottom = hash01(i, j, seed) * (1 - u) + hash01(i + 1, j, seed) * u
    top = hash01(i, j + 1, seed) * (1 - u) + hash01(i + 1, j + 1, seed) * u
    return bottom * (1 - v) + top * v
