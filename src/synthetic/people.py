"""People on foot and on two wheels."""

from src.synthetic.building import Frame, Plan
from src.synthetic.streets_classes import Road
from src.synthetic.streets_layout import DETAIL
from src.synthetic.streets_palette import StreetStage


def plan_person(stage: StreetStage) -> Plan:
    """Somebody who stands or walks, facing +y."""
    draw, palette = stage.draw, stage.palette
    height = draw.uniform(1.5, 1.92) if stage.chance(0.9) else draw.uniform(1.0, 1.4)

    def build(frame: Frame) -> None:
        trousers, coat, hip = palette.cloth(), palette.cloth(), height * 0.48
        stride = draw.uniform(0, 0.4)
        for side in (-1, 1):
            foot = (side * 0.09, side * stride * hip * -0.5, 0.0)
            frame.cylinder(foot, (0.16, 0.17, hip + 0.03), trousers, tilt=side * stride)
        wide = height * draw.uniform(0.24, 0.3)
        frame.ball((0, 0, hip - 0.1), (wide, 0.26, height * 0.42), coat)
        frame.ball((0, 0, height - 0.26), (0.19, 0.21, 0.26), palette.skin())
        if frame.origin[1] > DETAIL / 2:
            return
        for side in (-1, 1):
            frame.cylinder((side * wide / 2, 0, hip - 0.02), (0.1, 0.1, height * 0.32), coat, lean=-side * 0.12)
        frame.ball((0, -0.02, height - 0.14), (0.2, 0.22, 0.14), palette.bark())
        if stage.chance(0.3):
            frame.box((wide * 0.7, 0, hip - 0.35), (0.12, 0.35, 0.3), palette.cloth())

    return Plan(0.6, 0.6, height, Road.PERSON, build)


def seat_rider(stage: StreetStage, frame: Frame, seat: float) -> None:
    """A rider on a saddle at height ``seat``, the handlebar at +y; ``frame`` is the rider's own."""
    palette = stage.palette
    trousers, coat = palette.cloth(), palette.cloth()
    for side in (-1, 1):
        frame.cylinder((side * 0.12, 0.22, seat - 0.58), (0.15, 0.16, 0.6), trousers, tilt=-0.35)
    frame.ball((0, 0.1, seat - 0.12), (0.46, 0.32, 0.78), coat, tilt=-0.25)
    for side in (-1, 1):
        frame.cylinder((side * 0.24, 0.32, seat + 0.12), (0.11, 0.11, 0.55), coat, tilt=-0.9)
    frame.ball((0, 0.22, seat + 0.58), (0.23, 0.26, 0.28), palette.skin())
    frame.ball((0, 0.22, seat + 0.7), (0.26, 0.29, 0.2), palette.lacquer())
