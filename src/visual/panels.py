"""Panels: maps of one image side by side under captions."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from src.foundation.files import write_atomically

MARGIN, CAPTION = 6, 18
MIN_WIDTH = 192  # smaller maps are enlarged so that a person can read them

Cells = Mapping[str, np.ndarray]
"""Drawn maps, uint8 (H, W, 3), by column."""


def draw_grid(rows: Mapping[str, Cells], columns: Sequence[str], size: tuple[int, int]) -> Image.Image:
    """Draw a row of maps of ``size`` (H, W) for each name, and a column for each of ``columns`` that has a map."""
    columns = [column for column in columns if any(column in cells for cells in rows.values())]
    factor = max(1, -(-MIN_WIDTH // size[1]))
    height, width = size[0] * factor, size[1] * factor
    step_x, step_y = width + MARGIN, height + CAPTION + MARGIN
    canvas = Image.new("RGB", (MARGIN + step_x * len(columns), MARGIN + step_y * len(rows)), "white")
    draw, font = ImageDraw.Draw(canvas), ImageFont.load_default(12)
    for r, (name, cells) in enumerate(rows.items()):
        for c, column in enumerate(columns):
            x, y = MARGIN + c * step_x, MARGIN + r * step_y
            draw.text((x, y), column if column == "input" else f"{name}: {column}", "black", font)
            if column in cells:
                cell = Image.fromarray(cells[column]).resize((width, height), Image.Resampling.NEAREST)
                canvas.paste(cell, (x, y + CAPTION))
    return canvas


def save_png(path: Path, image: Image.Image) -> None:
    """Write a picture as PNG in one step."""
    stream = io.BytesIO()
    image.save(stream, "PNG")
    write_atomically(path, stream.getvalue())
