"""Shelves with books, cabinets, wardrobes, counters and television stands."""

from src.synthetic.building import Frame, Plan, Stage, Top
from src.synthetic.classes import Label
from src.synthetic.objects import put_object, put_television


def fill_with_books(frame: Frame, width: float, depth: float, clear: float) -> None:
    """Books from left to right on a board ``width`` wide under ``clear`` metres; the frame stands on the board."""
    stage, draw = frame.stage, frame.stage.draw
    x, end = -width / 2, width / 2 * draw.uniform(0.3, 1.0)
    tall = clear * draw.uniform(0.6, 0.9)
    front = -depth / 2 + 0.02
    while x < end - 0.06:
        if stage.chance(0.35):  # a run in one piece: seen from afar the same, in depth flat
            wide = min(draw.uniform(0.12, 0.4), end - x)
            book, high = stage.palette.spines(), tall
        else:
            wide, high = draw.uniform(0.018, 0.055), tall * draw.uniform(0.75, 1.05)
            book = stage.palette.ware()
        deep = min(depth - 0.03, draw.uniform(0.14, 0.24))
        lean = draw.uniform(-0.2, 0.2) if stage.chance(0.08) else 0.0
        frame.box((x + wide / 2, front + deep / 2 + draw.uniform(0, 0.03), 0), (wide, deep, high), book, 0.0, lean)
        x += wide + (0.003 if stage.chance(0.9) else draw.uniform(0.03, 0.15))


def fill_board(frame: Frame, width: float, depth: float, z: float, clear: float) -> None:
    """Books, objects or nothing on a board at height ``z`` of the frame."""
    draw = frame.stage.draw
    kind = draw.random()
    if kind < 0.6:
        fill_with_books(frame.at(0, 0, z, Label.BOOKS), width, depth, clear)
    elif kind < 0.9:
        for index in range(draw.randint(1, 3)):
            x = (index - 1) * width / 3
            put_object(frame.at(x, -0.02, z, Label.OBJECTS, draw.uniform(-1, 1)), min(width / 3.2, depth) * 0.8, clear)


def plan_shelf(stage: Stage) -> Plan:
    """An open bookcase."""
    draw, palette = stage.draw, stage.palette
    width, depth, height = draw.uniform(0.6, 1.5), draw.uniform(0.26, 0.38), draw.uniform(0.9, 2.1)
    rows = max(2, round(height / draw.uniform(0.32, 0.42)))

    def build(frame: Frame) -> None:
        timber = palette.timber()
        back = palette.paint() if stage.chance(0.3) else timber
        for side in (-1, 1):
            frame.box((side * (width / 2 - 0.012), 0, 0), (0.024, depth, height), timber)
        frame.box((0, depth / 2 - 0.01, 0), (width - 0.02, 0.015, height), back)
        pitch = (height - 0.03) / rows
        for row in range(rows + 1):
            frame.box((0, 0, row * pitch), (width - 0.03, depth - 0.01, 0.025), timber)
        for row in range(rows):
            fill_board(frame, width - 0.06, depth, row * pitch + 0.025, pitch - 0.04)
        if height < 1.6:
            stage.tops.append(Top(frame, 0, 0, height, width * 0.9, depth * 0.7))

    return Plan(width, depth, height, Label.FURNITURE, build)


def _fronts(frame: Frame, width: float, front: float, low: float, high: float) -> None:
    """Doors or drawers on the front of a body, with knobs."""
    stage, draw = frame.stage, frame.stage.draw
    columns, rows = draw.choice(((1, 3), (2, 1), (2, 3), (3, 1), (2, 2), (1, 4)))
    timber, knob = stage.palette.timber(), stage.palette.ware()
    step, rise = width / columns, (high - low) / rows
    for column in range(columns):
        for row in range(rows):
            x, z = (column - (columns - 1) / 2) * step, low + row * rise
            frame.box((x, front, z + 0.01), (step - 0.025, 0.024, rise - 0.02), timber)
            frame.box((x, front - 0.02, z + rise * 0.5), (0.08, 0.02, 0.02), knob)


def _body(width: float, depth: float, height: float, stage: Stage, carries: bool) -> Plan:
    """Plan a cabinet with fronts on a foot, whose top objects are put on where it ``carries``."""

    def build(frame: Frame) -> None:
        timber, foot = stage.palette.timber(), stage.draw.uniform(0.0, 0.12)
        frame.box((0, 0.01, 0), (width - 0.04, depth - 0.06, foot), timber)
        frame.box((0, 0, foot), (width, depth, height - foot), timber)
        _fronts(frame, width - 0.04, -depth / 2, foot + 0.03, height - 0.04)
        if carries:
            stage.tops.append(Top(frame, 0, 0, height, width * 0.9, depth * 0.75))

    return Plan(width, depth + 0.05, height, Label.FURNITURE, build)


def plan_cabinet(stage: Stage) -> Plan:
    """A chest of drawers or sideboard."""
    draw = stage.draw
    return _body(draw.uniform(0.6, 1.6), draw.uniform(0.38, 0.55), draw.uniform(0.6, 1.15), stage, True)


def plan_wardrobe(stage: Stage) -> Plan:
    """A tall body: a wardrobe or a refrigerator."""
    draw = stage.draw
    return _body(draw.uniform(0.6, 1.6), draw.uniform(0.5, 0.65), draw.uniform(1.6, 2.15), stage, False)


def plan_nightstand(stage: Stage) -> Plan:
    """A small low body."""
    draw = stage.draw
    return _body(draw.uniform(0.38, 0.55), draw.uniform(0.35, 0.45), draw.uniform(0.42, 0.65), stage, True)


def plan_counter(stage: Stage) -> Plan:
    """A row of kitchen units with a worktop and cupboards above."""
    draw, palette = stage.draw, stage.palette
    width, depth, height = draw.uniform(1.2, 2.4), 0.6, draw.uniform(0.86, 0.94)
    upper = draw.uniform(1.4, 1.55) if stage.chance(0.7) else 0.0

    def build(frame: Frame) -> None:
        frame.box((0, 0, 0), (width, depth - 0.05, height - 0.04), palette.timber())
        _fronts(frame, width, -depth / 2 + 0.03, 0.1, height - 0.06)
        frame.box((0, 0, height - 0.04), (width, depth, 0.04), palette.ground())
        if upper:
            frame.box((0, depth / 2 - 0.16, upper), (width, 0.32, 0.6), palette.timber())
            _fronts(frame, width, depth / 2 - 0.32, upper + 0.02, upper + 0.58)
        stage.tops.append(Top(frame, 0, -0.03, height, width * 0.9, 0.4))

    return Plan(width, depth, upper + 0.6 if upper else height, Label.FURNITURE, build)


def plan_tv_stand(stage: Stage) -> Plan:
    """A low body with a television on it."""
    draw = stage.draw
    width, depth, height = draw.uniform(0.8, 1.5), draw.uniform(0.4, 0.5), draw.uniform(0.4, 0.7)
    body, screen = _body(width, depth, height, stage, False), draw.uniform(0.6, min(1.15, width))

    def build(frame: Frame) -> None:
        body.build(frame)
        put_television(frame.at(0, 0.05, height, Label.TV, draw.uniform(-0.15, 0.15)), screen)

    return Plan(width, depth + 0.05, height + 0.1 + screen * 0.58, Label.FURNITURE, build)
