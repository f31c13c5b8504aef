"""Panels: maps of one image side by side under captions."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from src.foundation.files import write_atomically
from src.visual.legends import Legend, draw_legend

MARGIN = 6
FONT_SIZE = 12
CAPTION = 18
"""Height of a caption in that font."""
CHARACTERS = 66
"""A wide panel's font is larger, so that its width holds this many characters' heights when it is shown small."""
MIN_WIDTH = 192  # smaller maps are enlarged so that a person can read them

Cells = Mapping[str, np.ndarray]
"""Drawn maps, uint8 (H, W, 3), by column."""


def draw_grid(
    rows: Mapping[str, Cells],
    columns: Sequence[str],
    size: tuple[int, int],
    legends: Mapping[str, Legend] | None = None,
) -> Image.Image:
    """Draw a row of maps of ``size`` (H, W) for each name, a column for each of ``columns`` that has a map, and below
    them the ``legends`` by name."""
    columns = [column for column in columns if any(column in cells for cells in rows.values())]
    factor = max(1, -(-MIN_WIDTH // size[1]))
    height, width = size[0] * factor, size[1] * factor
    step_x = width + MARGIN
    whole = MARGIN + step_x * len(columns)
    font_size = max(FONT_SIZE, whole // CHARACTERS)
    caption = font_size * CAPTION // FONT_SIZE
    step_y = height + caption + MARGIN
    below = [draw_legend(name, legend, whole - 2 * MARGIN, font_size) for name, legend in (legends or {}).items()]
    top = MARGIN + step_y * len(rows)
    canvas = Image.new("RGB", (whole, top + sum(drawn.height + MARGIN for drawn in below)), "white")
    draw, font = ImageDraw.Draw(canvas), ImageFont.load_default(font_size)
    for r, (name, cells) in enumerate(rows.items()):
        for c, column in enumerate(columns):
            x, y = MARGIN + c * step_x, MARGIN + r * step_y
            draw.text((x, y), column if column == "input" else f"{name}: {column}", "black", font)
            if column in cells:
                cell = Image.fromarray(cells[column]).resize((width, height), Image.Resampling.NEAREST)
                canvas.paste(cell, (x, y + caption))
    for drawn in below:
        canvas.paste(drawn, (MARGIN, top))
        top += drawn.height + MARGIN
    return canvas


def save_png(path: Path, image: Image.Image) -> None:
    """Write a picture as PNG in one step."""
    stream = io.BytesIO()
    image.save(stream, "PNG")
    write_atomically(path, stream.getvalue())
