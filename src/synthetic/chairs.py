"""Chairs, stools and office chairs."""

from src.synthetic.building import Frame, Plan, Stage
from src.synthetic.classes import Label
from src.synthetic.geometry import Vector
from src.synthetic.textures import Material


def plan_chair(stage: Stage) -> Plan:
    """A chair with legs or on a column, or a stool."""
    draw, palette = stage.draw, stage.palette
    width, depth = draw.uniform(0.38, 0.55), draw.uniform(0.4, 0.52)
    seat, back = draw.uniform(0.42, 0.5), draw.uniform(0.35, 0.6)
    style = draw.choice(("legs", "legs", "slats", "column", "stool"))

    def build(frame: Frame) -> None:
        timber, cover = palette.timber(), palette.cloth() if stage.chance(0.5) else palette.timber()
        if style == "column":
            frame.cylinder((0, 0, 0.06), (0.06, 0.06, seat - 0.1), timber)
            for size in ((0.6, 0.05, 0.06), (0.05, 0.6, 0.06)):
                frame.box((0, 0, 0.0), size, timber)
        else:
            frame.legs(width - 0.02, depth - 0.02, seat - 0.03, draw.uniform(0.03, 0.05), timber)
        if style == "stool":
            frame.cylinder((0, 0, seat - 0.05), (width, depth, 0.07), cover)
            return
        frame.box((0, 0, seat - 0.05), (width, depth, draw.uniform(0.03, 0.09)), cover)
        if style == "slats":
            _slatted_back(frame, (0, depth / 2, seat), width, back, timber)
        else:
            lean, thick = -draw.uniform(0.02, 0.2), draw.uniform(0.03, 0.09)
            frame.box((0, depth / 2, seat - 0.04), (width, thick, back + 0.04), cover, lean)
        if stage.chance(0.3):
            _arms(frame, width, depth, seat, timber)

    return Plan(max(width, 0.45), depth + 0.1, seat + back, Label.CHAIR, build)


def _slatted_back(frame: Frame, foot: Vector, width: float, back: float, timber: Material) -> None:
    """Draw two posts and three slats of height ``back`` from ``foot`` up, leaning backwards."""
    lean = -frame.stage.draw.uniform(0.02, 0.2)
    x, y, seat = foot
    for side in (-1, 1):
        frame.box((x + side * (width / 2 - 0.02), y, seat - 0.04), (0.04, 0.03, back + 0.04), timber, lean)
    for step in (0.35, 0.6, 0.88):
        rise = step * back
        frame.box((x, y + (rise - back / 2) * -lean, seat + rise - 0.04), (width, 0.02, 0.06), timber, lean)


def _arms(frame: Frame, width: float, depth: float, seat: float, timber: Material) -> None:
    """Draw an armrest with its support on each side of a chair."""
    for side in (-1, 1):
        x = side * width / 2
        # low enough to go under a table
        frame.box((x, 0, 0.57), (0.05, depth, 0.035), timber)
        frame.box((x, -depth / 2 + 0.03, seat - 0.03), (0.04, 0.04, 0.6 - seat), timber)
