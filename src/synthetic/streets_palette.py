"""Random materials of road scenes; colours of a scene are shared by cars, clothes and houses."""

from colorsys import hsv_to_rgb
from dataclasses import dataclass

from src.synthetic.building import Stage
from src.synthetic.palette import Palette
from src.synthetic.textures import Colour, Material, Pattern

Range = tuple[float, float]


class StreetPalette(Palette):
    """Draws materials for one road scene."""

    def tint(self, hue: Range, saturation: Range, value: Range) -> Colour:
        """A linear colour within ranges of hue, saturation and display value."""
        draw = self.draw
        red, green, blue = hsv_to_rgb(draw.uniform(*hue) % 1, draw.uniform(*saturation), draw.uniform(*value))
        return red**2.2, green**2.2, blue**2.2

    def of(self, pattern: Pattern, first: Colour, second: Colour, scale: Range, gloss: float = 0.0) -> Material:
        """An upright pattern of two colours."""
        return Material(pattern, first, second, self.draw.uniform(*scale), 0.0, self.draw.getrandbits(24), gloss, 0.0)

    def asphalt(self) -> Material:
        """Road surface, now and then cobbles."""
        first, second = (self.tint((0, 1), (0, 0.08), (0.28, 0.55)) for _ in range(2))
        pattern = self.draw.choice((Pattern.BLOTCHES, Pattern.PLAIN, Pattern.BLOTCHES, Pattern.BRICK))
        return self.of(pattern, first, second, (0.15, 0.3) if pattern == Pattern.BRICK else (0.5, 4))

    def paving(self) -> Material:
        """Sidewalks: as grey as roads."""
        first, second = (self.tint((0.02, 0.14), (0, 0.15), (0.35, 0.7)) for _ in range(2))
        pattern = self.draw.choice((Pattern.CHECKER, Pattern.BRICK, Pattern.PLAIN, Pattern.BLOTCHES))
        return self.of(pattern, first, second, (0.3, 0.9))

    def marking(self) -> Material:
        """White paint on the road."""
        white = self.tint((0, 1), (0, 0.05), (0.6, 0.9))
        return self.of(Pattern.PLAIN, white, self.tint((0, 1), (0, 0.05), (0.4, 0.7)), (0.2, 0.6))

    def facade(self) -> Material:
        """A house front with windows."""
        wall = self.tint((0.02, 0.14), (0.05, 0.45), (0.3, 0.85)) if self.draw.random() < 0.75 else self.colour()
        return self.of(Pattern.PANES, wall, self.tint((0.5, 0.65), (0, 0.4), (0.08, 0.4)), (2.4, 3.6))

    def leaves(self) -> Material:
        """Crowns and hedges, bare or autumnal now and then."""
        hue, saturation = ((0.17, 0.33), (0.3, 0.7)) if self.draw.random() < 0.8 else ((0.06, 0.13), (0.2, 0.7))
        first = self.tint(hue, saturation, (0.3, 0.6))
        return self.of(Pattern.BLOTCHES, first, self.tint(hue, saturation, (0.12, 0.35)), (0.3, 1.2))

    def grass(self) -> Material:
        """Verges, meadows and bare soil."""
        hue = (0.19, 0.3) if self.draw.random() < 0.8 else (0.07, 0.12)
        first, second = (self.tint(hue, (0.25, 0.6), (0.3, 0.55)) for _ in range(2))
        return self.of(Pattern.BLOTCHES, first, second, (0.3, 2))

    def bark(self) -> Material:
        """Trunks, and timber of fences."""
        first, second = (self.tint((0.04, 0.11), (0.1, 0.5), (0.15, 0.45)) for _ in range(2))
        return self.of(Pattern.WOOD, first, second, (0.08, 0.2))

    def pickets(self, timber: Material) -> Material:
        """Upright boards or bars with dark gaps."""
        return self.of(Pattern.STRIPES, timber.first, self.tint((0.2, 0.4), (0, 0.3), (0.1, 0.4)), (0.15, 0.4))

    def metal(self) -> Material:
        """Poles and rails."""
        grey = self.tint((0.2, 0.7), (0, 0.25), (0.15, 0.65))
        return self.of(Pattern.PLAIN, grey, grey, (0.2, 0.5), 0.1)

    def lacquer(self) -> Material:
        """Vehicles: mostly black, grey or white."""
        plain = self.draw.random() < 0.65
        colour = self.tint((0.55, 0.65), (0, 0.1), (0.08, 0.9)) if plain else self.colour()
        return self.of(Pattern.PLAIN, colour, colour, (0.5, 1), 0.3)

    def glass(self) -> Material:
        """Windscreens, on which stereo fails in patches."""
        return self.of(Pattern.PLAIN, (0.01, 0.012, 0.015), (0.08, 0.1, 0.12), (0.4, 1), 0.9)

    def rubber(self) -> Material:
        """Tyres."""
        return self.of(Pattern.PLAIN, (0.012, 0.012, 0.012), (0.02, 0.02, 0.02), (0.2, 0.4))

    def lamp(self, hue: float, glow: float) -> Material:
        """A coloured lamp."""
        colour = self.tint((hue, hue), (0.8, 1), (0.8, 1))
        return self.of(Pattern.PLAIN, colour, colour, (0.2, 0.4))._replace(glow=glow)

    def skin(self) -> Material:
        """Faces."""
        colour = self.tint((0.03, 0.08), (0.3, 0.6), (0.3, 0.85))
        return self.of(Pattern.PLAIN, colour, colour, (0.2, 0.4))

    def sky(self, clear: bool) -> Material:
        """Clouds before blue, or all clouds; it shines by itself."""
        cloud = self.tint((0.55, 0.65), (0, 0.08), (0.8, 1))
        other = (
            self.tint((0.55, 0.61), (0.25, 0.6), (0.6, 0.95)) if clear else self.tint((0.5, 0.7), (0, 0.1), (0.7, 1))
        )
        # dark but shining, so that the sun's light on the plane that it stands on does not show
        first, second = ((red / 20, green / 20, blue / 20) for red, green, blue in (other, cloud))
        return self.of(Pattern.BLOTCHES, first, second, (40, 160))._replace(glow=20 * self.draw.uniform(0.8, 2.0))


@dataclass
class StreetStage(Stage):
    """The road scene while it is being built."""

    palette: StreetPalette
