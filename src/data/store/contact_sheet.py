"""A few frames of a store with every map drawn, to look at."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from src.data.store.reader import PackedStore
from src.modalities.base import UNKNOWN, Modality
from src.modalities.drawing import colorize
from src.visual.palette import Colour
from src.visual.panels import MARGIN, draw_grid

FRAMES = 4
"""Frames of each split."""
LINE, SWATCH = 18, 12
MOST_NAMES = 150
"""Classes that a legend names; of more, colours cannot be told apart."""


def contact_sheet(store: PackedStore) -> Image.Image:
    """Draw frames of each split, spread evenly, in a row each, over a legend of the classes."""
    modalities = store.manifest.modalities
    columns = sorted(modalities, key=lambda name: (modalities[name].kind != "image", name))
    rows: dict[str, dict[str, np.ndarray]] = {}
    for split, content in store.manifest.splits.items():
        for index in np.unique(np.linspace(0, content.count - 1, min(FRAMES, content.count)).astype(int)).tolist():
            maps = {name: np.asarray(store.array(split, name)[index]) for name in content.arrays}
            drawn = {name: _drawn(modalities[name], value) for name, value in maps.items()}
            rows[f"{split} {content.frames[index]}"] = drawn
    grid = draw_grid(rows, columns, store.manifest.size)
    legends = [_legend(modalities[name], grid.width) for name in columns if modalities[name].kind == "classes"]
    return _stacked([grid, *legends])


def _drawn(modality: Modality, stored: np.ndarray) -> np.ndarray:
    """Draw a stored map as uint8 (H, W, 3)."""
    if modality.kind == "image":
        return stored
    if modality.kind == "vector":
        return colorize(modality, np.moveaxis(stored, -1, 0))
    if modality.kind == "binary":
        return colorize(modality, np.where(stored == UNKNOWN, -1.0, stored))
    return colorize(modality, stored)


def _legend(modality: Modality, width: int) -> Image.Image:
    """Draw the names of classes beside their colours, in as many lines as a width needs."""
    font = ImageFont.load_default(12)
    entries: list[tuple[str, Colour | None]] = [(f"{modality.name}:", None)]
    entries += list(zip(modality.names, modality.colours, strict=True))[:MOST_NAMES]
    entries += [("not labelled", (0, 0, 0))]
    places, x, y = [], MARGIN, 0
    for name, _ in entries:
        needed = SWATCH + 4 + round(font.getlength(name)) + 10
        if x + needed > width and x > MARGIN:
            x, y = MARGIN, y + LINE
        places.append((x, y))
        x += needed
    canvas = Image.new("RGB", (width, y + LINE), "white")
    draw = ImageDraw.Draw(canvas)
    for (name, colour), (left, top) in zip(entries, places, strict=True):
        if colour is not None:
            draw.rectangle((left, top + 2, left + SWATCH, top + 2 + SWATCH), colour, "grey")
        draw.text((left + SWATCH + 4, top), name, "black", font)
    return canvas


def _stacked(pictures: Sequence[Image.Image]) -> Image.Image:
    gap = MARGIN
    height = sum(picture.height + gap for picture in pictures)
    canvas, y = Image.new("RGB", (max(picture.width for picture in pictures), height), "white"), 0
    for picture in pictures:
        canvas.paste(picture, (0, y))
        y += picture.height + gap
    return canvas
