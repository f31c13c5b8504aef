"""Small things that stand on furniture or on the floor."""

from src.synthetic.building import Frame, Stage, Top
from src.synthetic.classes import Label


def put_object(frame: Frame, size: float, clear: float) -> None:
    """One object on the frame's origin, at most ``size`` wide and ``clear`` high (m)."""
    draw, clear = frame.stage.draw, max(clear - 0.01, 0.03)
    builders = (_vessel, _vessel, _carton, _carton, _fruit, _bottle, _plant, _bag)
    draw.choice(builders)(frame, size * draw.uniform(0.6, 1.0), clear)


def _vessel(frame: Frame, size: float, clear: float) -> None:
    wide, high = min(size, 0.3), min(clear, size * frame.stage.draw.uniform(0.5, 1.6))
    frame.cylinder((0, 0, 0), (wide, wide, high), frame.stage.palette.ware())


def _carton(frame: Frame, size: float, clear: float) -> None:
    draw, palette = frame.stage.draw, frame.stage.palette
    high = min(clear, size * draw.uniform(0.3, 1.4))
    frame.box((0, 0, 0), (size, size * draw.uniform(0.4, 0.9), high), palette.ware())


def _fruit(frame: Frame, size: float, clear: float) -> None:
    wide = min(size, clear)
    frame.ball((0, 0, 0), (wide, wide, wide * frame.stage.draw.uniform(0.6, 1)), frame.stage.palette.ware())


def _bottle(frame: Frame, size: float, clear: float) -> None:
    """Draw a bottle: a body, a shoulder and a neck."""
    material, wide = frame.stage.palette.ware(), min(size, 0.12)
    high = min(clear, wide * frame.stage.draw.uniform(2, 4))
    frame.cylinder((0, 0, 0), (wide, wide, high * 0.65), material)
    frame.ball((0, 0, high * 0.65 - wide / 2), (wide, wide, wide), material)
    frame.cylinder((0, 0, high * 0.6), (wide * 0.4, wide * 0.4, high * 0.4), material)


def _plant(frame: Frame, size: float, clear: float) -> None:
    """Draw a pot with a stem and four balls of leaves."""
    draw, palette = frame.stage.draw, frame.stage.palette
    wide, high = size * 0.55, min(clear, size * draw.uniform(1.2, 2.2))
    frame.cylinder((0, 0, 0), (wide, wide, high * 0.35), palette.ware())
    frame.cylinder((0, 0, high * 0.3), (wide * 0.2, wide * 0.2, high * 0.4), palette.timber())
    leaf = palette.ware()
    for _ in range(4):
        x, y = draw.uniform(-0.2, 0.2) * size, draw.uniform(-0.2, 0.2) * size
        top = high * draw.uniform(0.5, 0.6)
        shape = (size * 0.5, size * 0.5, min(high - top, high * draw.uniform(0.25, 0.45)))
        frame.ball((x, y, top), shape, leaf, draw.uniform(-0.5, 0.5))


def _bag(frame: Frame, size: float, clear: float) -> None:
    draw, material = frame.stage.draw, frame.stage.palette.cloth()
    high = min(clear, size * draw.uniform(0.7, 1.2))
    frame.ball((0, 0, -0.15 * high), (size, size * 0.7, 1.15 * high), material)


def put_lamp(frame: Frame, high: float) -> None:
    """A lamp with a shade; it shines half of the time."""
    stage, draw = frame.stage, frame.stage.draw
    foot, shade = stage.palette.ware(), stage.palette.cloth()
    wide = high * draw.uniform(0.35, 0.6) if high < 0.8 else draw.uniform(0.3, 0.45)
    tall = min(high * 0.45, 0.35)
    frame.cylinder((0, 0, 0), (wide * 0.6, wide * 0.6, 0.03), foot)
    frame.cylinder((0, 0, 0.02), (0.035, 0.035, high - tall), foot)
    lit = stage.chance(0.5)
    frame.cylinder((0, 0, high - tall), (wide, wide, tall), shade._replace(glow=draw.uniform(0.5, 2) if lit else 0.0))
    if lit:
        stage.lamps.append(frame.world(0, 0, high - tall / 2))


def put_book_pile(frame: Frame, clear: float) -> None:
    """Books lying on each other."""
    stage, draw, z = frame.stage, frame.stage.draw, 0.0
    for _ in range(draw.randint(1, 6)):
        thick = draw.uniform(0.015, 0.05)
        if z + thick > clear:
            break
        size = (draw.uniform(0.14, 0.24), draw.uniform(0.18, 0.32), thick)
        frame.box((draw.uniform(-0.02, 0.02), draw.uniform(-0.02, 0.02), z), size, stage.palette.ware())
        z += thick


def put_television(frame: Frame, width: float) -> None:
    """A television on its foot."""
    stage, high = frame.stage, width * 0.58
    case = stage.palette.timber() if stage.chance(0.3) else stage.palette.screen()._replace(glow=0.0, gloss=0.2)
    deep = 0.4 if stage.chance(0.2) and width < 0.8 else 0.06
    frame.box((0, 0, 0), (width * 0.4, 0.2, 0.02), case)
    frame.box((0, 0.01, 0.01), (0.08, 0.05, 0.08), case)
    frame.box((0, deep / 2 - 0.03, 0.06), (width, deep, high), case)
    frame.box((0, -0.032, 0.06 + 0.025), (width - 0.06, 0.01, high - 0.05), stage.palette.screen())


def lay_top(top: Top) -> None:
    """Cover a surface with some things, side by side."""
    stage, draw = top.frame.stage, top.frame.stage.draw
    bed = top.frame.label == Label.BED
    if stage.chance(0.5 if bed else 0.06):
        return
    slot = draw.uniform(0.2, 0.36)
    count = max(1, int(top.width / slot))
    slot = top.width / count
    for index in range(count):
        if stage.chance(0.65 if bed else 0.15):
            continue
        x = top.x + (index + 0.5) * slot - top.width / 2
        y, turn = top.y + draw.uniform(-0.3, 0.3) * max(top.depth - slot, 0), draw.uniform(-0.6, 0.6)
        kind = draw.random()
        if kind < 0.2:
            put_book_pile(top.frame.at(x, y, top.z, Label.BOOKS, turn), 0.3)
        elif kind < 0.3 and not bed:
            put_lamp(top.frame.at(x, y, top.z, Label.OBJECTS), draw.uniform(0.35, 0.6))
        elif kind < 0.4 and top.width > 0.9 and not bed and top.depth > 0.3:
            put_television(top.frame.at(x, top.y + 0.1, top.z, Label.TV, turn / 3), draw.uniform(0.4, 0.55))
        else:
            put_object(top.frame.at(x, y, top.z, Label.OBJECTS, turn), min(slot, top.depth) * 0.9, 0.6)


def put_on_floor(stage: Stage, frame: Frame, size: float) -> None:
    """Clutter that stands on the floor."""
    if frame.label == Label.BOOKS:
        put_book_pile(frame, 0.4)
    elif stage.chance(0.12):
        put_lamp(frame, stage.draw.uniform(1.2, 1.7))
    else:
        put_object(frame, size, 1.0)
