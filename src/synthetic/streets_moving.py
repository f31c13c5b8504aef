"""What moves or is parked in a street."""

from collections.abc import Callable
from math import pi

from src.synthetic.building import QUARTER, Plan
from src.synthetic.people import plan_person
from src.synthetic.streets_layout import FAR, KERB, Bank, Street
from src.synthetic.streets_palette import StreetStage
from src.synthetic.traffic import (
    plan_bus,
    plan_car,
    plan_motorcycle,
    plan_ridden_bicycle,
    plan_ridden_motorcycle,
    plan_tram,
    plan_truck,
)

Planner = Callable[[StreetStage], Plan]
MOVING: dict[Planner, float] = {
    plan_car: 76,
    plan_truck: 2,
    plan_bus: 3,
    plan_tram: 2.5,
    plan_ridden_motorcycle: 5,
    plan_ridden_bicycle: 24,
}
PARKED: dict[Planner, float] = {plan_car: 95, plan_truck: 1, plan_motorcycle: 4}


def move(street: Street) -> None:
    """Parked vehicles, traffic in every lane, people."""
    for bank in street.banks:
        _park(street, bank)
    for lane in range(-street.lanes, 1):
        _drive(street, lane)
    _walk(street)


def pick(street: Street, planners: dict[Planner, float]) -> Plan:
    """Draw one kind of thing by its weight and plan it."""
    planner = street.stage.draw.choices(list(planners), list(planners.values()))[0]
    return planner(street.stage)


def _park(street: Street, bank: Bank) -> None:
    """Vehicles in the parking lane."""
    if not bank.parking:
        return
    draw, density = street.stage.draw, street.stage.draw.uniform(0.2, 0.95)
    y = draw.uniform(5, 14)
    while y < 80:
        plan = pick(street, PARKED)
        if draw.random() < density and not street.crossing[0] - 5 < y + plan.depth / 2 < street.crossing[1] + 5:
            way = 0.0 if bank.side > 0 else pi
            street.put(plan, bank.out(-plan.width / 2 - 0.15), y + plan.depth / 2, way + draw.gauss(0, 0.02))
        y += plan.depth + draw.uniform(0.5, 2.5)


def _drive(street: Street, lane: int) -> None:
    """Moving vehicles in a lane; lane 0 is the camera's, those from the middle on to the left come towards us."""
    draw, density = street.stage.draw, street.stage.draw.uniform(0.1, 0.7)
    way = 0.0 if lane > -street.lanes / 2 else pi
    y = draw.uniform(9, 35) if lane == 0 else draw.uniform(4, 25)
    while y < 95:
        plan = pick(street, MOVING)
        x = lane * street.lane + draw.uniform(-0.2, 0.2)
        if plan.width < 1:  # two wheels keep to the side
            x += draw.uniform(0.3, 1.1) * (1 if way == 0 else -1)
        if draw.random() < density:
            street.put(plan, x, y + plan.depth / 2, way + draw.gauss(0, 0.03))
        y += plan.depth + draw.uniform(3, 25)


def _walk(street: Street) -> None:
    """People on the sidewalks, mostly alone or in pairs, and some on the road."""
    stage, draw = street.stage, street.stage.draw
    for bank in street.banks:
        for _ in range(draw.choice((0, 1, 3, 5, 8))):
            x, y = bank.out(draw.uniform(0.5, bank.sidewalk - 0.3)), 6 + 40 * draw.random() ** 1.5
            turn = draw.choice((0.0, pi, draw.uniform(-pi, pi)))
            street.put(plan_person(stage), x, y, turn, KERB)
            if stage.chance(0.4):
                street.put(plan_person(stage), x + 0.7, y + draw.uniform(-0.3, 0.3), turn, KERB)
    for _ in range(draw.choice((0, 0, 0, 1, 3))):
        x = draw.uniform(street.banks[0].kerb, street.banks[1].kerb)
        y = street.crossing[0] - draw.uniform(1, 4) if street.crossing[0] < FAR else draw.uniform(14, 50)
        street.put(plan_person(stage), x, y, draw.choice((-QUARTER, QUARTER)))
