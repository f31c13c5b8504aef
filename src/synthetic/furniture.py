"""Beds and sofas, put together from boxes, cylinders and ellipsoids."""

from src.synthetic.building import QUARTER, Frame, Plan, Stage, Top
from src.synthetic.classes import Label


def plan_bed(stage: Stage) -> Plan:
    """A bed whose head stands at the back."""
    draw, palette = stage.draw, stage.palette
    width, depth = draw.uniform(0.9, 1.9), draw.uniform(1.9, 2.15)
    base, mattress = draw.uniform(0.15, 0.38), draw.uniform(0.14, 0.28)
    head = draw.uniform(0.7, 1.25) if stage.chance(0.7) else 0.0

    def build(frame: Frame) -> None:
        timber, sheet, blanket = palette.timber(), palette.cloth(), palette.cloth()
        frame.box((0, 0, 0), (width, depth, base), timber if stage.chance(0.6) else blanket)
        frame.box((0, 0, base), (width - 0.04, depth - 0.06, mattress), sheet)
        cover = depth * draw.uniform(0.45, 0.8)
        drop = draw.uniform(0.05, base)
        y = -(depth - cover) / 2 + 0.01
        frame.box((0, y, base - drop), (width + 0.03, cover, mattress + drop + 0.04), blanket)
        if head:
            frame.box((0, depth / 2 - 0.04, 0), (width, 0.07, head), timber)
        count = 1 if width < 1.25 else 2
        for index in range(count):
            x = (index - (count - 1) / 2) * width / 2
            size = (width / count * 0.8, draw.uniform(0.35, 0.5), draw.uniform(0.14, 0.24))
            pillow = palette.cloth() if stage.chance(0.5) else sheet
            frame.ball((x, depth / 2 - 0.33, base + mattress - 0.03), size, pillow, draw.uniform(0, 0.35))
        stage.tops.append(Top(frame, 0, y, base + mattress + 0.04, width * 0.8, cover * 0.8))

    return Plan(width + 0.04, depth, max(head, base + mattress + 0.1), Label.BED, build)


def plan_sofa(stage: Stage) -> Plan:
    """A sofa for one to three."""
    draw, palette = stage.draw, stage.palette
    seats = draw.choice((1, 2, 2, 3, 3))
    arm, seat = draw.uniform(0.08, 0.24), draw.uniform(0.36, 0.46)
    width, depth = seats * draw.uniform(0.55, 0.72) + 2 * arm, draw.uniform(0.75, 0.98)
    height, elbow = draw.uniform(0.68, 1.0), seat + draw.uniform(0.08, 0.24)

    def build(frame: Frame) -> None:
        cloth = palette.cloth()
        other = palette.cloth() if stage.chance(0.3) else cloth
        inner, back = width - 2 * arm, draw.uniform(0.16, 0.26)
        frame.box((0, 0, 0.04), (inner, depth, seat - 0.14), cloth)
        frame.box((0, depth / 2 - back / 2, 0.04), (width, back, height - 0.04), cloth)
        for side in (-1, 1):
            x = side * (width - arm) / 2
            frame.box((x, -0.01, 0), (arm, depth - 0.02, elbow), cloth)
            if frame.group % 2:
                frame.cylinder((x, -0.01, elbow - arm / 2), (arm, arm, depth - 0.02), cloth, QUARTER)
        for index in range(seats):
            x = (index - (seats - 1) / 2) * inner / seats
            step = inner / seats - 0.015
            frame.box((x, -back / 2, seat - 0.1), (step, depth - back - 0.02, 0.12), other)
            rest = (x, depth / 2 - back - 0.05, seat + 0.02)
            frame.box(rest, (step, 0.14, (height - seat) * 0.85), other, -0.15)
            if stage.chance(0.35):
                plate = draw.uniform(0.32, 0.45)
                spot = (x, depth / 2 - back - 0.2, seat + 0.02)
                frame.ball(spot, (plate, 0.16, plate), palette.cloth(), -0.35)
        stage.tops.append(Top(frame, 0, -back / 2, seat + 0.02, inner * 0.8, (depth - back) * 0.5))

    return Plan(width, depth, height, Label.SOFA, build)
