"""What stands in a street."""

from src.synthetic.building import QUARTER
from src.synthetic.lines import LINES, plan_house
from src.synthetic.roadside import (
    plan_bollard,
    plan_bush,
    plan_lamp_post,
    plan_sign,
    plan_traffic_light,
    plan_tree,
)
from src.synthetic.streets_classes import Road
from src.synthetic.streets_layout import FAR, KERB, Bank, Street
from src.synthetic.streets_moving import Planner, move, pick
from src.synthetic.traffic import plan_bicycle, plan_motorcycle

LIKELY = (Road.FENCE, Road.FENCE, Road.WALL, Road.VEGETATION)  # kinds of lines
AT_THE_KERB: dict[Planner, float] = {plan_lamp_post: 4, plan_bollard: 3, plan_sign: 3.5, plan_traffic_light: 0.6}


def fill(street: Street) -> None:
    """Fill the street: houses, what lines it, what stands at the kerb, traffic, people."""
    for bank in street.banks:
        for start, end in street.blocks():
            _build_up(street, bank, start, end)
            _line(street, bank, start, end)
            _plant(street, bank, start, end)
    _end(street)
    for bank in street.banks:
        _signal(street, bank)
        _furnish_kerb(street, bank)
    move(street)


def _build_up(street: Street, bank: Bank, start: float, end: float) -> None:
    """Houses side by side, with gaps; the more of them the narrower the verge."""
    stage, draw = street.stage, street.stage.draw
    density, y = draw.uniform(0.75, 1.0) if bank.verge < 5 else draw.uniform(0.1, 0.8), start
    while y < end - 6:
        length = min(draw.uniform(8, 24), end - y)
        if stage.chance(density):
            house = plan_house(stage, length)
            x = bank.out(bank.sidewalk + bank.verge + house.depth / 2 + draw.choice((0.15, 0.15, 1.0)))
            street.put(house, x, y + length / 2, bank.yaw)
        y += length + (draw.uniform(2, 8) if stage.chance(0.25) else 0)


def _line(street: Street, bank: Bank, start: float, end: float) -> None:
    """Walls, fences and hedges behind the sidewalk, where no house stands."""
    stage, draw = street.stage, street.stage.draw
    chance, kind = (0.75 if bank.verge < 5 else 0.4), draw.choice(LIKELY)
    y = start
    while y < end:
        length = draw.uniform(5, 14)
        line = LINES[kind if stage.chance(0.7) else draw.choice(LIKELY)](stage, min(length, end - y))
        if stage.chance(chance):
            street.put(line, bank.out(bank.sidewalk + line.depth / 2 + 0.05), y + line.width / 2, bank.yaw, KERB)
        y += length + (draw.uniform(1.5, 4) if stage.chance(0.3) else 0.0)


def _plant(street: Street, bank: Bank, start: float, end: float) -> None:
    """A row of trees, and trees and bushes on the verge."""
    stage, draw = street.stage, street.stage.draw
    if stage.chance(0.45):
        y, step = start + draw.uniform(2, 8), draw.uniform(7, 16)
        while y < end:
            street.put(plan_tree(stage), bank.out(0.9), y, bank.yaw, KERB)
            y += step
    for _ in range(round((end - start) / 14)):
        plan = plan_tree(stage) if stage.chance(0.65) else plan_bush(stage)
        away = bank.sidewalk + 1.0 + draw.uniform(0, 1) * max(bank.verge, 9.0)
        street.put(plan, bank.out(away), draw.uniform(start, end), bank.yaw, KERB)


def _end(street: Street) -> None:
    """Houses or trees where the street ends, or an open view."""
    stage, draw = street.stage, street.stage.draw
    kind = draw.random()
    for step in range(-5, 6):
        if kind < 0.5:
            house = plan_house(stage, 13)
            street.put(house, step * 13.5, FAR + 16, 0.0)
        elif kind < 0.9:
            street.put(plan_tree(stage), step * draw.uniform(3, 5), FAR + draw.uniform(8, 14), 0.0, KERB)


def _signal(street: Street, bank: Bank) -> None:
    """Traffic lights where a street crosses."""
    if street.crossing[0] < FAR and street.stage.chance(0.75):
        street.put(plan_traffic_light(street.stage), bank.out(0.5), street.crossing[0] - 0.8, bank.yaw, KERB)


def _furnish_kerb(street: Street, bank: Bank) -> None:
    """Put poles and the like along the kerb, then bicycles and motorcycles on the sidewalk."""
    stage, draw = street.stage, street.stage.draw
    y = draw.uniform(6, 16)
    while y < 75:
        street.put(pick(street, AT_THE_KERB), bank.out(draw.uniform(0.35, 0.6)), y, bank.yaw, KERB)
        y += draw.uniform(5, 18)
    for _ in range(draw.choice((0, 0, 1, 3, 5))):
        plan = plan_bicycle(stage) if stage.chance(0.75) else plan_motorcycle(stage)
        spot = bank.out(draw.uniform(0.6, max(0.7, bank.sidewalk - 0.5))), draw.uniform(6, 28)
        street.put(plan, *spot, bank.yaw + draw.choice((0.0, QUARTER, draw.uniform(-1, 1))), KERB)
