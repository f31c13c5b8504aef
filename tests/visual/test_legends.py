"""Legends wrap and keep to their width."""

import numpy as np
import pytest

from src.visual.legends import Key, Legend, Patch, Strip, draw_legend

COLOURS = tuple((i * 10, 255 - i * 10, 77) for i in range(20))
PATCHES = tuple(Patch(f"a class {i}", colour) for i, colour in enumerate(COLOURS))


@pytest.mark.parametrize("font_size", [12, 24])
def test_entries_wrap(font_size: int) -> None:
    legend = Legend(PATCHES, more=7)
    wide, narrow = (draw_legend("task", legend, width, font_size) for width in (4000, 390))
    assert (wide.width, narrow.width) == (4000, 390)
    assert wide.height < 2 * font_size < 3 * wide.height < narrow.height
    for drawn in (wide, narrow):
        assert set(COLOURS) <= {tuple(colour) for colour in np.asarray(drawn).reshape(-1, 3).tolist()}
        edge = np.asarray(drawn)[:, -1]
        assert (edge == 255).all()  # nothing is cut off


def test_more_classes_are_told() -> None:
    some, more = (np.asarray(draw_legend("task", Legend(PATCHES[:1], more), 400, 12)) for more in (0, 9))
    assert (some < 255).any(axis=(0, 2)).nonzero()[0].max() < (more < 255).any(axis=(0, 2)).nonzero()[0].max()


def test_strips_and_keys_keep_their_colours() -> None:
    strip = Strip("0", "10 m", np.array([[255, 0, 0]] * 5, np.uint8))
    key = Key(np.full((9, 9, 3), (0, 0, 255), np.uint8), "all blue")
    pixels = np.asarray(draw_legend("task", Legend((strip, key)), 400, 12)).reshape(-1, 3).tolist()
    assert pixels.count([255, 0, 0]) > 500
    assert pixels.count([0, 0, 255]) > 500


def test_a_legend_without_entries_is_its_title() -> None:
    assert draw_legend("task", Legend(()), 300, 12).height == 18
