"""What a label map means: the names and colours of its classes."""

import colorsys
from dataclasses import dataclass

Colour = tuple[int, int, int]


@dataclass(frozen=True)
class LabelSet:
    """Names and colours (RGB, 0..255) of classes 0..n-1; -1 is ignored wherever a label map is read."""

    names: tuple[str, ...]
    colours: tuple[Colour, ...]

    def __post_init__(self) -> None:
        """Refuse a set whose names and colours do not pair up."""
        if len(self.names) != len(self.colours):
            raise ValueError(f"{len(self.names)} class names but {len(self.colours)} colours")


def spread_colours(count: int) -> tuple[Colour, ...]:
    """Give ``count`` distinct colours: hues a golden angle apart, in three strengths."""
    colours = []
    for i in range(count):
        saturation, value = ((0.65, 0.95), (0.9, 0.7), (0.45, 0.8))[i % 3]
        red, green, blue = colorsys.hsv_to_rgb(i * 0.618034 % 1.0, saturation, value)
        colours.append((round(red * 255), round(green * 255), round(blue * 255)))
    return tuple(colours)
