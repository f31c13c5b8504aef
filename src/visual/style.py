"""How drawings look, on a page and in files of their own."""

from dataclasses import dataclass

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#8c6d00", "#56b4e9", "#7a4fbf", "#5b6770")
DASHES = ("", "7 3", "2 3", "8 3 2 3")
INK, SOFT, RULE = "#1b1f24", "#57606a", "#d0d7de"

# colours themselves, not variables, which few programs but browsers know in an SVG file
DRAWING = f"""
svg text {{ font: 12.5px system-ui, sans-serif; fill: {INK} }}
svg .value {{ text-anchor: end; fill: {SOFT} }}
svg .tick {{ text-anchor: middle; fill: {SOFT} }}
svg .title {{ font-size: 14px; font-weight: 600 }}
svg .axis {{ stroke: {INK} }}
svg .grid {{ stroke: {RULE} }}
svg .whisker {{ stroke: {INK}; stroke-width: 1.2; fill: none }}
svg polyline {{ fill: none; stroke-width: 1.8; stroke-linejoin: round }}
"""


@dataclass(frozen=True)
class Style:
    """How a method is drawn, everywhere on a page."""

    colour: str
    dash: str

    @classmethod
    def of(cls, number: int) -> "Style":
        """Return the style of the method with this number; they repeat after 32."""
        return cls(COLOURS[number % len(COLOURS)], DASHES[number // len(COLOURS) % len(DASHES)])
