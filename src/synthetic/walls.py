"""What hangs on walls: windows with curtains, pictures, doors, televisions, boards with books."""

from src.synthetic.building import Frame, Plan, Stage
from src.synthetic.classes import Label
from src.synthetic.storage import fill_board


def plan_window(stage: Stage) -> Plan:
    """Glass behind bars, sometimes with blinds or curtains."""
    draw, palette = stage.draw, stage.palette
    width, height = draw.uniform(0.7, 2.0), draw.uniform(0.8, 1.4)
    curtains = 0.25 if stage.chance(0.45) else 0.0

    def build(frame: Frame) -> None:
        frame.box((0, 0.03, 0), (width, 0.02, height), palette.outdoors())
        timber = palette.paint()
        for x in (-width / 2, width / 2):
            frame.box((x, 0.01, 0), (0.06, 0.06, height), timber)
        for z in (0.0, height - 0.06):
            frame.box((0, 0.01, z), (width, 0.06, 0.06), timber)
        for index in range(1, draw.choice((1, 2, 2, 3))):
            frame.box((width * (index / 2 - 0.5) * 0.66, 0.02, 0), (0.04, 0.04, height), timber)
        if stage.chance(0.3):
            frame.box((0, 0.02, height * 0.5), (width, 0.04, 0.04), timber)
        if stage.chance(0.25):
            drop = height * draw.uniform(0.3, 1.0)
            blind = palette.cloth()
            frame.box((0, -0.01, height - drop), (width, 0.02, drop), blind._replace(glow=draw.uniform(0, 0.3)))
        if curtains:
            cloth = palette.cloth()
            for side in (-1, 1):
                for fold in range(3):
                    spot = (side * (width / 2 + 0.19 - fold * 0.13), -0.02, -0.15)
                    frame.cylinder(spot, (0.15, 0.09, height + 0.25), cloth)

    return Plan(width + 2 * curtains + 0.1, 0.08, height, Label.WINDOW, build)


def plan_picture(stage: Stage) -> Plan:
    """A framed picture, a poster or a mirror-like print."""
    draw, palette = stage.draw, stage.palette
    width, height, rim = draw.uniform(0.3, 1.3), draw.uniform(0.3, 1.0), draw.uniform(0.01, 0.06)

    def build(frame: Frame) -> None:
        frame.box((0, 0, 0), (width, 0.03, height), palette.timber())
        frame.box((0, -0.012, rim), (width - 2 * rim, 0.015, height - 2 * rim), palette.painting())

    return Plan(width, 0.04, height, Label.PICTURE, build)


def plan_wall_tv(stage: Stage) -> Plan:
    """A television on the wall."""
    palette, width = stage.palette, stage.draw.uniform(0.7, 1.3)

    def build(frame: Frame) -> None:
        frame.box((0, 0, 0), (width, 0.07, width * 0.58), palette.screen()._replace(glow=0.0, gloss=0.2))
        frame.box((0, -0.033, 0.02), (width - 0.05, 0.01, width * 0.58 - 0.04), palette.screen())

    return Plan(width, 0.08, width * 0.58, Label.TV, build)


def plan_door(stage: Stage) -> Plan:
    """A closed door, which counts as wall."""
    draw, palette = stage.draw, stage.palette
    width, height = draw.uniform(0.75, 1.0), draw.uniform(1.95, 2.1)

    def build(frame: Frame) -> None:
        timber, trim = palette.timber(), palette.paint()
        frame.box((0, 0.02, 0), (width, 0.03, height), timber)
        for x in (-width / 2, width / 2):
            frame.box((x, 0.01, 0), (0.08, 0.05, height), trim)
        frame.box((0, 0.01, height - 0.01), (width + 0.08, 0.05, 0.08), trim)
        frame.ball((width / 2 - 0.12, -0.025, 0.95), (0.06, 0.06, 0.06), palette.ware())
        if stage.chance(0.5):
            for low, high in ((0.15, 0.85), (1.05, height - 0.2)):
                frame.box((0, 0.005, low), (width - 0.35, 0.02, high - low), trim)

    return Plan(width + 0.1, 0.06, height + 0.08, Label.WALL, build)


def plan_wall_board(stage: Stage) -> Plan:
    """A board on the wall with books or objects on it."""
    draw, palette = stage.draw, stage.palette
    width, depth = draw.uniform(0.5, 1.3), draw.uniform(0.2, 0.28)

    def build(frame: Frame) -> None:
        timber = palette.timber()
        frame.box((0, 0, 0.1), (width, depth, 0.03), timber)
        for side in (-1, 1):
            frame.box((side * width * 0.4, depth / 2 - 0.03, 0), (0.04, 0.05, 0.1), timber)
        fill_board(frame, width - 0.04, depth, 0.13, 0.3)

    return Plan(width, depth, 0.45, Label.FURNITURE, build)
