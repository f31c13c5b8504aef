"""Dining tables, coffee tables and desks."""

from src.synthetic.building import Frame, Plan, Stage, Top
from src.synthetic.classes import Label


def plan_table(stage: Stage) -> Plan:
    """A dining table, on legs or, if round, on a column."""
    draw, palette = stage.draw, stage.palette
    rounded = stage.chance(0.25)
    width = draw.uniform(0.9, 1.2) if rounded else draw.uniform(0.9, 1.9)
    depth = width if rounded else draw.uniform(0.7, 1.0)
    height, thick = draw.uniform(0.68, 0.78), draw.uniform(0.025, 0.06)

    def build(frame: Frame) -> None:
        top, leg = palette.timber(), palette.timber()
        if rounded:
            frame.cylinder((0, 0, height - thick), (width, depth, thick), top)
            frame.cylinder((0, 0, 0), (0.12, 0.12, height - thick), leg)
            frame.cylinder((0, 0, 0), (0.55, 0.55, 0.05), leg)
        else:
            frame.box((0, 0, height - thick), (width, depth, thick), top)
            frame.legs(width - 0.06, depth - 0.06, height - thick, draw.uniform(0.04, 0.09), leg)
            frame.box((0, 0, height - thick - 0.08), (width - 0.14, depth - 0.14, 0.08), leg)
        stage.tops.append(Top(frame, 0, 0, height, width * (0.65 if rounded else 0.9), depth * 0.7))

    return Plan(width, depth, height, Label.TABLE, build)


def plan_low_table(stage: Stage) -> Plan:
    """A coffee table."""
    draw, palette = stage.draw, stage.palette
    width, depth, height = draw.uniform(0.6, 1.2), draw.uniform(0.45, 0.7), draw.uniform(0.32, 0.5)

    def build(frame: Frame) -> None:
        top = palette.timber()
        leg = palette.timber() if stage.chance(0.4) else top
        frame.box((0, 0, height - 0.05), (width, depth, 0.05), top)
        frame.legs(width - 0.02, depth - 0.02, height - 0.05, draw.uniform(0.04, 0.08), leg)
        if stage.chance(0.5):
            frame.box((0, 0, 0.1), (width - 0.08, depth - 0.08, 0.025), leg)
        stage.tops.append(Top(frame, 0, 0, height, width * 0.9, depth * 0.85))

    return Plan(width, depth, height, Label.TABLE, build)


def plan_desk(stage: Stage) -> Plan:
    """A desk with a block of drawers on one side."""
    draw, palette = stage.draw, stage.palette
    width, depth, height = draw.uniform(1.0, 1.7), draw.uniform(0.55, 0.75), draw.uniform(0.7, 0.78)

    def build(frame: Frame) -> None:
        timber, side = palette.timber(), draw.choice((-1, 1))
        frame.box((0, 0, height - 0.035), (width, depth, 0.035), timber)
        frame.box((-side * (width / 2 - 0.02), 0, 0), (0.04, depth - 0.04, height - 0.035), timber)
        x, front = side * (width / 2 - 0.22), -depth / 2 + 0.02
        frame.box((x, 0.02, 0), (0.42, depth - 0.06, height - 0.035), timber)
        face = palette.timber() if stage.chance(0.4) else timber
        for index in range(3):
            frame.box((x, front, 0.06 + index * 0.21), (0.38, 0.03, 0.19), face)
        stage.tops.append(Top(frame, 0, 0, height, width * 0.92, depth * 0.8))

    return Plan(width, depth, height, Label.TABLE, build)
