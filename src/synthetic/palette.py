"""Random materials: few colours per scene, shared by all classes, so that colour tells little."""

from colorsys import hsv_to_rgb
from random import Random

from src.synthetic.textures import Colour, Material, Pattern

PATTERNS = [Pattern.PLAIN] * 3 + [
    Pattern.CHECKER,
    Pattern.STRIPES,
    Pattern.WOOD,
    Pattern.BRICK,
    Pattern.BLOTCHES,
    Pattern.DOTS,
    Pattern.WEAVE,
]
STRANGE = 0.2  # how often a thing has any material at all instead of one of its own kind


class Palette:
    """Draws materials for one scene."""

    def __init__(self, draw: Random) -> None:
        self.draw = draw
        self.shared = [self._new_colour() for _ in range(draw.randint(3, 6))]

    def colour(self) -> Colour:
        """A linear colour, more often than not one that other things of the scene have too."""
        return self.draw.choice(self.shared) if self.draw.random() < 0.6 else self._new_colour()

    def _new_colour(self) -> Colour:
        """Draw a linear colour: nearly grey, brownish or of any hue."""
        draw, kind = self.draw, self.draw.random()
        if kind < 0.5:
            hue, saturation, value = draw.random(), draw.uniform(0, 0.15), draw.uniform(0.15, 0.95)
        elif kind < 0.72:
            hue, saturation, value = draw.uniform(0.04, 0.11), draw.uniform(0.25, 0.7), draw.uniform(0.25, 0.85)
        else:
            hue, saturation, value = draw.random(), draw.uniform(0.3, 0.9), draw.uniform(0.2, 0.9)
        red, green, blue = (channel**2.2 for channel in hsv_to_rgb(hue, saturation, value))
        return red, green, blue

    def make(self, patterns: list[Pattern], scale: tuple[float, float], gloss: float = 0.0) -> Material:
        """A material of one of the patterns, or of any pattern now and then; ``scale`` is a range in m."""
        draw = self.draw
        if draw.random() < STRANGE:
            patterns, scale = PATTERNS, (0.03, 0.4)
        pattern = draw.choice(patterns)
        first, second = self.colour(), self.colour()
        if draw.random() < 0.6:  # most patterns are faint
            share = draw.uniform(0.2, 0.6)
            second = _blend(first, second, share)
        angle = draw.choice((0.0, 0.0, 1.5708, draw.uniform(0, 3.1)))
        return Material(
            pattern, first, second, draw.uniform(*scale), angle, draw.getrandbits(24), gloss * draw.random(), 0.0
        )

    def paint(self) -> Material:
        """Walls and ceilings."""
        return self.make([Pattern.PLAIN] * 5 + [Pattern.STRIPES, Pattern.BLOTCHES, Pattern.BRICK], (0.08, 0.6))

    def ground(self) -> Material:
        """Floors."""
        patterns = [Pattern.WOOD, Pattern.WOOD, Pattern.CHECKER, Pattern.BRICK, Pattern.BLOTCHES, Pattern.PLAIN]
        return self.make(patterns, (0.08, 0.4), 0.12)

    def timber(self) -> Material:
        """Furniture."""
        return self.make([Pattern.WOOD, Pattern.WOOD, Pattern.PLAIN, Pattern.PLAIN], (0.05, 0.2), 0.1)

    def cloth(self) -> Material:
        """Beds, sofas, curtains, rugs."""
        patterns = [Pattern.PLAIN, Pattern.PLAIN, Pattern.STRIPES, Pattern.CHECKER, Pattern.BLOTCHES]
        return self.make([*patterns, Pattern.DOTS, Pattern.WEAVE], (0.04, 0.3))

    def ware(self) -> Material:
        """Small objects."""
        return self.make(PATTERNS, (0.02, 0.12), 0.4)

    def painting(self) -> Material:
        """A picture: a painted scene, and sometimes painted books or a bare pattern."""
        patterns = [Pattern.SCENE] * 5 + [Pattern.SPINES, Pattern.BLOTCHES]
        glass = 0.95 if self.draw.random() < 0.25 else 0.0
        return self.make(patterns, (0.05, 0.3))._replace(gloss=glass)

    def spines(self) -> Material:
        """A row of books in one piece."""
        return self.make([Pattern.SPINES], (0.1, 0.2))

    def screen(self) -> Material:
        """A dark or a running television."""
        if self.draw.random() < 0.6:
            dark = (0.01, 0.01, self.draw.uniform(0.01, 0.03))
            return Material(Pattern.PLAIN, dark, (0.03, 0.03, 0.03), 0.4, 0.0, 0, 0.95, 0.0)
        return self.painting()._replace(gloss=0.95, glow=self.draw.uniform(0.1, 0.8))

    def outdoors(self) -> Material:
        """What a window shows: bright by day, dark at night."""
        glow = self.draw.choice((0.0, self.draw.uniform(0.3, 1.0), self.draw.uniform(1, 3)))
        patterns = [Pattern.SCENE, Pattern.SCENE, Pattern.BLOTCHES, Pattern.PLAIN]
        return self.make(patterns, (0.1, 0.5))._replace(gloss=0.95, glow=glow)


def _blend(one: Colour, other: Colour, share: float) -> Colour:
    red, green, blue = (a + (b - a) * share for a, b in zip(one, other, strict=True))
    return red, green, blue
