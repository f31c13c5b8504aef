"""What stands in which kind of room."""

from collections.abc import Callable
from math import pi
from typing import NamedTuple

from src.synthetic.building import Frame, Plan, Stage
from src.synthetic.chairs import plan_chair
from src.synthetic.classes import Label
from src.synthetic.furniture import plan_bed, plan_sofa
from src.synthetic.layout import Room
from src.synthetic.objects import lay_top, put_on_floor
from src.synthetic.storage import (
    plan_cabinet,
    plan_counter,
    plan_nightstand,
    plan_shelf,
    plan_tv_stand,
    plan_wardrobe,
)
from src.synthetic.tables import plan_desk, plan_low_table, plan_table
from src.synthetic.walls import plan_door, plan_picture, plan_wall_board, plan_wall_tv, plan_window


class Wish(NamedTuple):
    """A thing a room may have, and how likely."""

    plan: Callable[[Stage], Plan]
    chance: float
    at_wall: bool = True


BEDROOM = [
    Wish(plan_bed, 1.0),
    Wish(plan_bed, 0.35),
    Wish(plan_nightstand, 0.7),
    Wish(plan_desk, 0.35),
    Wish(plan_wardrobe, 0.7),
    Wish(plan_cabinet, 0.7),
    Wish(plan_shelf, 0.5),
    Wish(plan_tv_stand, 0.45),
    Wish(plan_chair, 0.6, False),
]
LIVING_ROOM = [
    Wish(plan_sofa, 1.0),
    Wish(plan_sofa, 0.6),
    Wish(plan_sofa, 0.3, False),
    Wish(plan_low_table, 0.9, False),
    Wish(plan_tv_stand, 0.8),
    Wish(plan_shelf, 0.6),
    Wish(plan_cabinet, 0.7),
    Wish(plan_chair, 0.5, False),
]
STUDY = [
    Wish(plan_desk, 1.0),
    Wish(plan_desk, 0.5),
    Wish(plan_shelf, 1.0),
    Wish(plan_shelf, 0.7),
    Wish(plan_cabinet, 0.7),
    Wish(plan_table, 0.3, False),
    Wish(plan_sofa, 0.3),
    Wish(plan_bed, 0.2),
    Wish(plan_chair, 0.7, False),
]
DINING_ROOM = [
    Wish(plan_table, 1.0, False),
    Wish(plan_counter, 0.8),
    Wish(plan_wardrobe, 0.6),
    Wish(plan_cabinet, 0.7),
    Wish(plan_tv_stand, 0.4),
    Wish(plan_shelf, 0.4),
    Wish(plan_sofa, 0.4),
    Wish(plan_chair, 0.5),
]
ROOMS = [BEDROOM, LIVING_ROOM, STUDY, DINING_ROOM]


def furnish(room: Room) -> None:
    """Fill the room: openings, furniture, what hangs, what lies about."""
    stage, draw = room.stage, room.stage.draw
    if stage.chance(0.5):
        _hang(room, plan_door(stage), 0.0, 0.0)
    for _ in range(draw.choice((0, 1, 1, 2, 2, 3))):
        _hang(room, plan_window(stage), 0.75, 1.05)
    wishes = list(draw.choice(ROOMS))
    wishes += [draw.choice(draw.choice(ROOMS)) for _ in range(draw.randint(3, 7))]
    for wish in wishes:
        if stage.chance(wish.chance):
            _stand(room, wish.plan(stage), wish.at_wall)
    if stage.chance(0.55):
        _hang(room, plan_wall_tv(stage), 0.9, 1.3)
    if stage.chance(0.35):
        _hang(room, plan_wall_board(stage), 1.1, 1.7)
    for _ in range(draw.randint(2, 8)):
        _hang(room, plan_picture(stage), 1.0, 1.6)
    for _ in range(draw.randint(4, 13)):
        _litter(room)
    _lay_rug(room)
    for top in list(stage.tops):
        lay_top(top)


def _hang(room: Room, plan: Plan, low: float, high: float) -> None:
    frame = room.along_wall(plan, low, high)
    if frame:
        plan.build(frame)


def _stand(room: Room, plan: Plan, at_wall: bool) -> None:
    """Place a piece of furniture at a wall or in the room, with chairs where it is a table."""
    frame = room.along_wall(plan) if at_wall else room.in_the_room(plan)
    if not frame:
        return
    taken = len(room.claims) - 1
    plan.build(frame)
    if plan.label == Label.TABLE and plan.height > 0.6:
        _seat(room, frame, plan, taken, at_wall)


def _seat(room: Room, frame: Frame, plan: Plan, taken: int, at_wall: bool) -> None:
    """Chairs around a table, or one in front of a desk."""
    stage, draw = room.stage, room.stage.draw
    chair = plan_chair(stage)  # one plan: the chairs of a table are alike
    gap = draw.uniform(0.0, 0.2)
    front, side = plan.depth / 2 + gap, plan.width / 2 + gap + 0.05
    spots = [(0.0, -front, pi)]
    if not at_wall:
        spots += [(0.0, front, 0.0), (-side, 0.0, pi / 2), (side, 0.0, -pi / 2)]
    for x, y, yaw in spots:
        if stage.chance(0.75):
            place = room.near(frame, x, y, yaw + draw.uniform(-0.25, 0.25), chair, taken)
            if place:
                chair.build(place)


def _litter(room: Room) -> None:
    """Place a small object on the floor, in the room or at a wall."""
    stage, draw = room.stage, room.stage.draw
    size = draw.uniform(0.2, 0.65)
    label = Label.BOOKS if stage.chance(0.12) else Label.OBJECTS
    plan = Plan(size, size, size, label, lambda frame: put_on_floor(stage, frame, size))
    frame = room.in_the_room(plan) if stage.chance(0.6) else room.along_wall(plan)
    if frame:
        plan.build(frame)


def _lay_rug(room: Room) -> None:
    """A carpet, which counts as floor and may lie under things."""
    stage, draw = room.stage, room.stage.draw
    if stage.chance(0.45):
        width, depth = draw.uniform(0.8, room.width * 0.6), draw.uniform(0.8, room.depth * 0.6)
        x, y = draw.uniform(-0.15, 0.15) * room.width, draw.uniform(-0.15, 0.15) * room.depth
        frame = Frame(stage, (x, y, 0.0), 0.0, Label.FLOOR)
        frame.box((0, 0, -0.01), (width, depth, 0.022), stage.palette.cloth())
