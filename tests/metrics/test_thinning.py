"""Thinning against its definition pixel by pixel, and what it must keep."""

import numpy as np
import pytest
from scipy import ndimage

from src.metrics.thinning import thin

AROUND = [(0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1), (1, 0), (1, 1)]
"""x1 to x8: (down, right) from east on, counterclockwise."""
EIGHT = np.ones((3, 3))
SHAPES = [(1, 1), (1, 9), (9, 1), (7, 5), (64, 10), (65, 12), (150, 40)]


def blobs(shape: tuple[int, int], smooth: float, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).random(shape)
    noise = ndimage.gaussian_filter(noise, smooth) if smooth else noise
    return noise >= np.quantile(noise, 0.4)


def deletable(x: list[bool], first_pass: bool) -> bool:
    """Conditions G1, G2 and G3 or G3' of bwmorph's documentation; x[0] is x1, and x[8] is x1 again."""
    crossings = sum(not x[2 * i] and (x[2 * i + 1] or x[(2 * i + 2) % 8]) for i in range(4))
    ones = sum(x[2 * i] or x[2 * i + 1] for i in range(4))
    twos = sum(x[2 * i + 1] or x[(2 * i + 2) % 8] for i in range(4))
    blocked = (x[1] or x[2] or not x[7]) and x[0] if first_pass else (x[5] or x[6] or not x[3]) and x[4]
    return crossings == 1 and 2 <= min(ones, twos) <= 3 and not blocked


def reference(binary: np.ndarray) -> np.ndarray:
    edges, height, width = {tuple(place) for place in np.argwhere(binary)}, *binary.shape
    while True:
        before = len(edges)
        for first_pass in (True, False):
            neighbours = {(y, x): [(y + v, x + u) in edges for v, u in AROUND] for y, x in edges}
            edges = edges - {place for place, around in neighbours.items() if deletable(around, first_pass)}
        if len(edges) == before:
            break
    return np.array([[(y, x) in edges for x in range(width)] for y in range(height)])


@pytest.mark.parametrize("smooth", [0, 1, 3])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_is_the_definition(shape: tuple[int, int], smooth: float) -> None:
    binary = blobs(shape, smooth)
    assert np.array_equal(thin(binary), reference(binary))


@pytest.mark.parametrize("shape", [(70, 90), (130, 65)], ids=str)
@pytest.mark.parametrize("smooth", [0, 1, 4])
def test_components_and_holes_are_kept(shape: tuple[int, int], smooth: float) -> None:
    binary = blobs(shape, smooth)
    thinned = thin(binary)
    assert not (thinned & ~binary).any()
    assert thinned.sum() < binary.sum()
    components, number = ndimage.label(binary, EIGHT)
    assert ndimage.label(thinned, EIGHT)[1] == number
    assert set(np.unique(components[thinned])) == set(range(1, number + 1))
    holes = [ndimage.label(np.pad(~edges, 1, constant_values=True))[1] for edges in (binary, thinned)]
    assert holes[0] == holes[1]


@pytest.mark.parametrize("smooth", [2, 4])
def test_again_changes_nothing_and_curves_are_one_pixel_wide(smooth: float) -> None:
    thinned = thin(blobs((100, 80), smooth))
    assert np.array_equal(thin(thinned), thinned)
    assert not ndimage.binary_erosion(thinned, EIGHT).any()
    # a few crossings and bends at most have four pixels in a square
    squares = ndimage.binary_erosion(thinned, np.ones((2, 2)))
    assert squares.sum() < 0.02 * thinned.sum()


def test_by_hand() -> None:
    bar = np.zeros((7, 20), dtype=bool)
    bar[2:5, 3:17] = True
    thinned = thin(bar)
    assert thinned.sum(0).max() == 1
    assert thinned[3].sum() == thinned.sum() >= 12
    curve = np.eye(30, dtype=bool)
    assert np.array_equal(thin(curve), curve)
    assert not thin(np.zeros((5, 5), dtype=bool)).any()
