"""What lines roads: hedges, walls, fences, houses; their length is along x, their front towards -y."""

from collections.abc import Callable

from src.synthetic.building import QUARTER, Frame, Plan
from src.synthetic.streets_classes import Road
from src.synthetic.streets_palette import StreetStage


def plan_hedge(stage: StreetStage, length: float) -> Plan:
    """A hedge, its top uneven."""
    draw = stage.draw
    height, thick = draw.uniform(0.9, 2.2), draw.uniform(0.6, 1.2)

    def build(frame: Frame) -> None:
        leaves, parts = stage.palette.leaves(), max(1, round(length / 3))
        for index in range(parts):
            x = ((index + 0.5) / parts - 0.5) * length
            frame.box((x, 0, 0), (length / parts + 0.02, thick, height * draw.uniform(0.85, 1.1)), leaves)

    return Plan(length, thick, height, Road.VEGETATION, build)


def plan_wall(stage: StreetStage, length: float) -> Plan:
    """A garden or retaining wall with a coping."""
    draw, palette = stage.draw, stage.palette
    height = draw.uniform(0.8, 2.4)

    def build(frame: Frame) -> None:
        frame.box((0, 0, 0), (length, 0.3, height), palette.paint())
        frame.box((0, 0, height), (length, 0.4, 0.08), palette.paving())

    return Plan(length, 0.4, height + 0.08, Road.WALL, build)


def plan_fence(stage: StreetStage, length: float) -> Plan:
    """A fence of pickets, or of rails between posts."""
    draw, palette = stage.draw, stage.palette
    height, timber = draw.uniform(0.9, 1.9), palette.bark() if stage.chance(0.5) else palette.metal()

    def build(frame: Frame) -> None:
        posts = max(2, round(length / 2.5))
        for index in range(posts + 1):
            frame.box(((index / posts - 0.5) * length, 0, 0), (0.1, 0.1, height), timber)
        if stage.chance(0.6):
            frame.box((0, 0.03, 0.1), (length, 0.05, height - 0.15), palette.pickets(timber))
        else:
            for share in (0.25, 0.55, 0.85):
                frame.box((0, 0, height * share), (length, 0.07, 0.12), timber)

    return Plan(length, 0.3, height, Road.FENCE, build)


def plan_house(stage: StreetStage, length: float) -> Plan:
    """A house front with a base, a cornice and sometimes a roof or a shop."""
    draw, palette = stage.draw, stage.palette
    height, deep = draw.uniform(6.0, 22.0), draw.uniform(9.0, 14.0)

    def build(frame: Frame) -> None:
        frame.box((0, 0, 0), (length, deep, height), palette.facade())
        base = draw.uniform(0.4, 1.0) if stage.chance(0.5) else draw.uniform(2.6, 3.4)
        frame.box((0, -0.06, 0), (length - 0.05, deep, base), palette.paint())
        frame.box((0, -0.12, height - 0.3), (length, deep, 0.3), palette.paint())
        for _ in range(draw.randint(0, 2)):
            x = draw.uniform(-0.4, 0.4) * length
            frame.box((x, -0.08, 0.1), (draw.uniform(0.9, 2.5), deep, 2.2), palette.glass()._replace(gloss=0.5))
        if stage.chance(0.4):
            frame.box((0, 0, height - 1.6), (length, deep * 0.6, deep * 0.6), palette.bark(), tilt=QUARTER / 2)

    return Plan(length, deep, height, Road.BUILDING, build)


LINES: dict[int, Callable[[StreetStage, float], Plan]] = {
    Road.WALL: plan_wall,
    Road.FENCE: plan_fence,
    Road.VEGETATION: plan_hedge,
}
