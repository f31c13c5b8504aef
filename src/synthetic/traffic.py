"""What drives: cars, trucks, buses, trams, motorcycles and bicycles. All face +y, their wheels on z = 0."""

from src.synthetic.building import QUARTER, Frame, Plan
from src.synthetic.people import seat_rider
from src.synthetic.streets_classes import Road
from src.synthetic.streets_layout import DETAIL
from src.synthetic.streets_palette import StreetStage

RED, AMBER, GREEN = 0.0, 0.11, 0.38  # hues


def plan_car(stage: StreetStage) -> Plan:
    """A car, an estate or a van."""
    draw, palette = stage.draw, stage.palette
    width, length = draw.uniform(1.65, 1.9), draw.uniform(3.7, 4.9)
    height = draw.uniform(1.4, 1.6) if stage.chance(0.75) else draw.uniform(1.75, 2.3)
    cabin, back = (0.66, -0.15) if height > 1.7 or stage.chance(0.4) else (0.5, -0.05)

    def build(frame: Frame) -> None:
        paint, glass, waist = palette.lacquer(), palette.glass(), height * 0.58
        rise, middle, long = height - waist, back * length, cabin * length
        frame.box((0, 0, 0.2), (width, length, waist - 0.3), paint)
        frame.box((0, 0, waist - 0.1), (width * 0.93, length * 0.96, 0.1), paint)
        frame.box((0, middle, waist), (width * 0.84, long, rise - 0.06), glass)
        frame.box((0, middle, height - 0.08), (width * 0.8, long * 0.94, 0.08), paint)
        if frame.origin[1] > DETAIL:
            return
        for y in (-0.5, -0.1, 0.35, 0.5):  # pillars
            frame.box((0, middle + y * long, waist), (width * 0.86, 0.09, rise - 0.06), paint)
            frame.box((0, middle + y * long, waist + 0.05), (width * 0.72, 0.11, rise - 0.17), glass)
        frame.box((0, middle + long / 2 + rise * 0.3, waist - 0.02), (width * 0.8, 0.05, rise * 1.1), glass, tilt=0.65)
        _wheels(stage, frame, width, (-0.31 * length, 0.31 * length), 0.62)
        _lamps(stage, frame, width, length, waist - 0.32)

    return Plan(width, length, height, Road.CAR, build)


def plan_truck(stage: StreetStage) -> Plan:
    """A lorry with a box or tarpaulin, or a flat bed with a load."""
    draw, palette = stage.draw, stage.palette
    width, length, height = draw.uniform(2.2, 2.5), draw.uniform(6.0, 10.0), draw.uniform(2.8, 3.7)

    def build(frame: Frame) -> None:
        paint, cover = palette.lacquer(), palette.cloth() if stage.chance(0.5) else palette.lacquer()
        front, tall = length / 2 - 1.0, min(height, 2.9)
        frame.box((0, front, 0.5), (width * 0.95, 2.0, tall - 0.5), paint)
        frame.box((0, front + 0.6, tall * 0.58), (width * 0.9, 0.84, 0.7), palette.glass())
        frame.box((0, 0, 0.6), (width * 0.5, length * 0.95, 0.4), palette.metal())
        frame.box((0, -1.1, 0.95), (width, length - 2.4, (height - 0.95) * draw.choice((1.0, 1.0, 0.35))), cover)
        _wheels(stage, frame, width, (-0.36 * length, -0.22 * length, 0.38 * length), 0.95)
        _lamps(stage, frame, width, length - 0.1, 0.75)

    return Plan(width, length, height, Road.TRUCK, build)


def plan_bus(stage: StreetStage) -> Plan:
    """A bus of one or two doors' length."""
    draw, palette = stage.draw, stage.palette
    width, length, height = 2.5, draw.uniform(9.0, 13.0), draw.uniform(2.9, 3.2)

    def build(frame: Frame) -> None:
        _coach(stage, frame, width, length, height, 0.35)
        _wheels(stage, frame, width, (-0.28 * length, 0.32 * length), 0.95)
        _lamps(stage, frame, width, length, 0.7)
        frame.box((0, length / 2, height - 0.35), (width * 0.7, 0.06, 0.24), palette.lamp(AMBER, 0.3))

    return Plan(width, length, height, Road.BUS, build)


def plan_tram(stage: StreetStage) -> Plan:
    """A tram of two or three cars; Cityscapes calls it train."""
    draw = stage.draw
    width, height, cars = 2.4, draw.uniform(3.2, 3.5), draw.randint(2, 3)
    length = cars * 9.5

    def build(frame: Frame) -> None:
        for index in range(cars):
            middle = (index - (cars - 1) / 2) * 9.5
            _coach(stage, frame.at(0, middle, 0, frame.label), width, 9.0, height, 0.2)
        frame.box((0, 0, 0.25), (width * 0.85, length - 0.8, height - 0.6), stage.palette.rubber())
        frame.box((0, 0, height), (width * 0.4, 3.0, 0.3), stage.palette.metal())

    return Plan(width, length, height, Road.TRAIN, build)


def _coach(stage: StreetStage, frame: Frame, width: float, length: float, height: float, floor: float) -> None:
    """A body with a band of windows all around."""
    palette = stage.palette
    paint, glass = palette.lacquer(), palette.glass()
    frame.box((0, 0, floor), (width, length, height - floor), paint)
    frame.box((0, 0, height * 0.45), (width + 0.02, length * 0.95, height * 0.33), glass)
    frame.box((0, 0, height * 0.4), (width * 0.88, length + 0.02, height * 0.4), glass)
    for step in range(1, 6):
        frame.box((0, (step / 6 - 0.5) * length, height * 0.4), (width + 0.04, 0.12, height * 0.4), paint)
    frame.box((0, 0, floor + 0.35), (width + 0.02, length, 0.12), palette.lacquer())


def plan_motorcycle(stage: StreetStage) -> Plan:
    """A motorcycle or scooter that is parked."""
    return _two_wheels(stage, False, True)


def plan_ridden_motorcycle(stage: StreetStage) -> Plan:
    """A motorcycle with its rider."""
    return _two_wheels(stage, True, True)


def plan_bicycle(stage: StreetStage) -> Plan:
    """A bicycle that is parked."""
    return _two_wheels(stage, False, False)


def plan_ridden_bicycle(stage: StreetStage) -> Plan:
    """A bicycle with its rider."""
    return _two_wheels(stage, True, False)


def _two_wheels(stage: StreetStage, ridden: bool, motor: bool) -> Plan:
    """Plan a bicycle or a motorcycle, with its rider where it is ``ridden``."""
    length = 2.0 if motor else 1.75

    def build(frame: Frame) -> None:
        palette, paint = stage.palette, stage.palette.lacquer()
        size, thick = (0.62, 0.15) if motor else (0.68, 0.06)
        for y in (-length / 2 + size / 2, length / 2 - size / 2):
            frame.cylinder((0, y, size / 2 - thick / 2), (size, size, thick), palette.rubber(), lean=QUARTER)
        frame.cylinder((0, length * 0.27, 0.35), (0.07, 0.07, 0.65), paint, tilt=0.3)
        frame.box((0, length * 0.2, 0.95), (0.62, 0.06, 0.06), palette.metal())
        if motor:
            frame.ball((0, 0, 0.28), (0.42, 1.15, 0.55), paint)
            frame.ball((0, -0.45, 0.62), (0.34, 0.8, 0.24), palette.rubber())
            frame.box((0, 0.55, 0.75), (0.4, 0.12, 0.4), paint, tilt=0.3)
        else:
            for y, z, tilt in ((0.0, 0.42, 0.75), (0.0, 0.8, 0.0), (-0.22, 0.45, 0.2)):
                frame.box((0, y, z), (0.05, 0.75 if tilt == 0 else 0.05, 0.05 if tilt == 0 else 0.5), paint, tilt=tilt)
            frame.ball((0, -0.3, 0.9), (0.18, 0.28, 0.1), palette.rubber())
        if ridden:
            seat_rider(stage, frame.at(0, -0.3, 0, Road.RIDER), 0.82 if motor else 0.95)

    return Plan(0.7, length, 1.85 if ridden else 1.1, Road.MOTORCYCLE if motor else Road.BICYCLE, build)


def _wheels(stage: StreetStage, frame: Frame, width: float, rows: tuple[float, ...], size: float) -> None:
    """Draw a vehicle's wheels at each y of ``rows``, both sides; none where it is far away."""
    if frame.origin[1] > DETAIL:
        return
    rubber = stage.palette.rubber()
    for x in (-width / 2 + 0.1, width / 2 - 0.1):
        for y in rows:
            frame.cylinder((x, y, size / 2 - 0.11), (size, size, 0.22), rubber, lean=QUARTER)


def _lamps(stage: StreetStage, frame: Frame, width: float, length: float, z: float) -> None:
    """Red ones behind, white ones before, and the number plate's white."""
    palette = stage.palette
    red, white = palette.lamp(RED, stage.draw.choice((0.1, 0.1, 1.5))), palette.marking()
    for x in (-width * 0.39, width * 0.39):
        frame.box((x, -length / 2, z), (0.24, 0.05, 0.17), red)
        frame.box((x, length / 2, z), (0.26, 0.05, 0.15), white)
    frame.box((0, -length / 2, z - 0.1), (0.5, 0.05, 0.12), white)
