"""Legends: what the colours of maps stand for, drawn below a panel."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from src.foundation.text import printable
from src.visual.palette import Colour

LONGEST = 32
"""Characters of a class's name, at most."""
LONGEST_UNIT = 60
"""Characters of a value with its unit, at most."""


@dataclass(frozen=True)
class Patch:
    """A colour with its name."""

    name: str
    colour: Colour


@dataclass(frozen=True)
class Strip:
    """A bar of colours, uint8 (n, 3), with the values at its ends."""

    low: str
    high: str
    colours: np.ndarray


@dataclass(frozen=True)
class Key:
    """A small picture, uint8 (H, W, 3), with words that explain it."""

    picture: np.ndarray
    words: str


@dataclass(frozen=True)
class Legend:
    """What the colours of one task's maps stand for."""

    entries: tuple[Patch | Strip | Key, ...]
    more: int = 0
    """Classes that occur and have no entry."""


def draw_legend(title: str, legend: Legend, width: int, font_size: int) -> Image.Image:
    """Draw a legend ``width`` pixels wide: the title, then its entries, in as many lines as they take."""
    font, line = ImageFont.load_default(font_size), round(1.5 * font_size)
    drawn = [_words(f"{_short(title)}:", font, line)]
    drawn += [_entry(entry, font, line) for entry in legend.entries]
    drawn += [_words(f"and {legend.more} more", font, line)] if legend.more else []
    lines = _lines(drawn, width, gap=font_size)
    canvas = Image.new("RGB", (width, sum(_tallest(pieces) for pieces in lines)), "white")
    top = 0
    for pieces in lines:
        canvas.paste(_beside(*pieces, gap=font_size), (0, top))
        top += _tallest(pieces)
    return canvas


def _lines(pieces: Sequence[Image.Image], width: int, gap: int) -> list[list[Image.Image]]:
    """Break a row of pieces into lines that are ``width`` pixels wide, where no piece is wider."""
    lines: list[list[Image.Image]] = [[]]
    left = 0
    for piece in pieces:
        if lines[-1] and left + piece.width > width:
            lines.append([])
            left = 0
        lines[-1].append(piece)
        left += piece.width + gap
    return lines


def _tallest(pieces: Sequence[Image.Image]) -> int:
    return max(piece.height for piece in pieces)


def _entry(entry: Patch | Strip | Key, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, line: int) -> Image.Image:
    """Draw one entry."""
    if isinstance(entry, Patch):
        side = line * 2 // 3
        patch = Image.new("RGB", (side, side), entry.colour)
        ImageDraw.Draw(patch).rectangle((0, 0, side - 1, side - 1), outline="grey")
        return _beside(patch, _words(_short(entry.name), font, line))
    if isinstance(entry, Strip):
        size = (6 * line, line * 2 // 3)
        strip = Image.fromarray(entry.colours[None]).resize(size, Image.Resampling.BILINEAR)
        ImageDraw.Draw(strip).rectangle((0, 0, size[0] - 1, size[1] - 1), outline="grey")
        return _beside(_words(entry.low, font, line), strip, _words(_short(entry.high, LONGEST_UNIT), font, line))
    return _beside(Image.fromarray(entry.picture).resize((3 * line, 3 * line)), _words(entry.words, font, line))


def _beside(*pieces: Image.Image, gap: int = 4) -> Image.Image:
    """Put pieces side by side, centred on one line."""
    height = _tallest(pieces)
    canvas = Image.new("RGB", (sum(piece.width + gap for piece in pieces) - gap, height), "white")
    left = 0
    for piece in pieces:
        canvas.paste(piece, (left, (height - piece.height) // 2))
        left += piece.width + gap
    return canvas


def _words(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, line: int) -> Image.Image:
    """Draw words on a white ground, ``line`` pixels high."""
    canvas = Image.new("RGB", (max(1, round(font.getlength(text)) + 1), line), "white")
    ImageDraw.Draw(canvas).text((0, (line - sum(font.getbbox("Ag")[1::2])) // 2), text, "black", font)
    return canvas


def _short(name: str, longest: int = LONGEST) -> str:
    """Return a name as one line that fits."""
    text = printable(name)
    return text if len(text) <= longest else f"{text[: longest - 1]}\N{HORIZONTAL ELLIPSIS}"
