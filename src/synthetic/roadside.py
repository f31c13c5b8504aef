"""What stands beside roads by itself: poles, lights, signs, trees, bushes; the front of a thing is towards -y."""

from src.synthetic.building import QUARTER, Frame, Plan
from src.synthetic.streets_classes import Road
from src.synthetic.streets_layout import DETAIL
from src.synthetic.streets_palette import StreetStage
from src.synthetic.traffic import AMBER, GREEN, RED


def plan_lamp_post(stage: StreetStage) -> Plan:
    """A street lamp, its arm towards -y, or a plain pole."""
    draw, palette = stage.draw, stage.palette
    height, thick = draw.uniform(4.5, 9.0), draw.uniform(0.12, 0.22)

    def build(frame: Frame) -> None:
        metal = palette.metal()
        frame.cylinder((0, 0, 0), (thick, thick, height), metal)
        frame.cylinder((0, 0, 0), (thick * 1.5, thick * 1.5, 0.9), metal)
        if stage.chance(0.7):
            reach = draw.uniform(0.8, 2.2)
            frame.box((0, -reach / 2, height - 0.1), (0.08, reach, 0.08), metal)
            frame.box((0, -reach, height - 0.16), (0.2, 0.6, 0.14), metal)

    return Plan(0.4, 0.4, height, Road.POLE, build)


def plan_bollard(stage: StreetStage) -> Plan:
    """A low post at the kerb."""
    height = stage.draw.uniform(0.8, 1.2)

    def build(frame: Frame) -> None:
        frame.cylinder((0, 0, 0), (0.14, 0.14, height), stage.palette.metal())

    return Plan(0.3, 0.3, height, Road.POLE, build)


def plan_traffic_light(stage: StreetStage) -> Plan:
    """A signal on a pole, and a second one on an arm over the road now and then."""
    draw, palette = stage.draw, stage.palette
    over = stage.chance(0.4)
    height = draw.uniform(5.2, 6.2) if over else draw.uniform(3.0, 3.6)

    def build(frame: Frame) -> None:
        metal = palette.metal()
        frame.cylinder((0, 0, 0), (0.16, 0.16, height), metal)
        if over:
            reach = draw.uniform(2.5, 4.0)
            frame.box((0, -reach / 2, height - 0.2), (0.12, reach, 0.12), metal)
            _signal(stage, frame.at(0, -reach, height - 0.95, Road.TRAFFIC_LIGHT))
        _signal(stage, frame.at(0, -0.22, 2.3, Road.TRAFFIC_LIGHT))

    return Plan(0.5, 0.5, height, Road.POLE, build)


def _signal(stage: StreetStage, frame: Frame) -> None:
    """Three lamps in a box that face both ways along x, one of them lit."""
    palette, lit = stage.palette, stage.draw.choice((RED, AMBER, GREEN))
    frame.box((0, 0, 0), (0.26, 0.34, 1.0), palette.rubber())
    for index, hue in enumerate((GREEN, AMBER, RED)):
        lamp = palette.lamp(hue, 2.0) if hue == lit else palette.rubber()
        frame.cylinder((0, 0, 0.17 + index * 0.31 - 0.15 + 0.02), (0.24, 0.24, 0.3), lamp, lean=QUARTER)


def plan_sign(stage: StreetStage) -> Plan:
    """One or two signs on a pole, facing along x."""
    draw, palette = stage.draw, stage.palette
    height = draw.uniform(2.3, 3.4)

    def build(frame: Frame) -> None:
        frame.cylinder((0, 0, 0), (0.09, 0.09, height), palette.metal())
        for index in range(draw.randint(1, 2)):
            plate = frame.at(0, 0, height - 0.75 - 0.8 * index, Road.TRAFFIC_SIGN)
            size, hue = draw.uniform(0.55, 0.85), draw.choice((RED, 0.6, 0.6, AMBER))
            face, rim = palette.lamp(hue, 0.15), palette.marking()
            if stage.chance(0.5):
                plate.cylinder((0, 0, size / 2 - 0.06), (size, size, 0.12), face, lean=QUARTER)
                plate.cylinder((0, 0, size / 2 - 0.07), (size * 0.7, size * 0.7, 0.14), rim, lean=QUARTER)
            else:
                plate.box((0, 0, 0), (0.12, size * draw.choice((1, 1, 1.8)), size), face)
                plate.box((0, 0, size * 0.2), (0.14, size * 0.6, size * 0.5), rim)

    return Plan(0.5, 0.5, height, Road.POLE, build)


def plan_tree(stage: StreetStage) -> Plan:
    """A tree with a crown of a few balls."""
    draw, palette = stage.draw, stage.palette
    trunk, crown = draw.uniform(1.8, 3.5), draw.uniform(2.2, 5.5)

    def build(frame: Frame) -> None:
        leaves, thick = palette.leaves(), crown * draw.uniform(0.05, 0.1)
        frame.cylinder((0, 0, 0), (thick, thick, trunk + crown * 0.4), palette.bark())
        frame.ball((0, 0, trunk), (crown, crown, crown * draw.uniform(0.8, 1.4)), leaves)
        for _ in range(1 if frame.origin[1] > DETAIL else 3):
            part, away = crown * draw.uniform(0.5, 0.75), crown * 0.35
            spot = (draw.uniform(-away, away), draw.uniform(-away, away), trunk + draw.uniform(-0.1, 0.5) * crown)
            frame.ball(spot, (part, part, part), leaves._replace(seed=draw.getrandbits(24)))

    return Plan(0.6, 0.6, trunk + crown, Road.VEGETATION, build)


def plan_bush(stage: StreetStage) -> Plan:
    """A bush."""
    draw = stage.draw
    width, height = draw.uniform(0.8, 2.0), draw.uniform(0.6, 1.8)

    def build(frame: Frame) -> None:
        frame.ball((0, 0, -height * 0.2), (width, width, height * 1.2), stage.palette.leaves())

    return Plan(width, width, height, Road.VEGETATION, build)
