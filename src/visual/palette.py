"""Colours for classes."""

import colorsys

Colour = tuple[int, int, int]
"""Red, green and blue, 0..255."""


def spread_colours(count: int) -> tuple[Colour, ...]:
    """Return ``count`` distinct colours: hues a golden angle apart, in three strengths."""
    colours = []
    for i in range(count):
        saturation, value = ((0.65, 0.95), (0.9, 0.7), (0.45, 0.8))[i % 3]
        red, green, blue = colorsys.hsv_to_rgb(i * 0.618034 % 1.0, saturation, value)
        colours.append((round(red * 255), round(green * 255), round(blue * 255)))
    return tuple(colours)
