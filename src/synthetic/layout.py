"""An empty room, and finding free places in it."""

from math import cos, sin
from typing import NamedTuple

from src.synthetic.building import QUARTER, Frame, Plan, Stage
from src.synthetic.classes import Label
from src.synthetic.geometry import Kind, Matrix, Shape, Vector


class Claim(NamedTuple):
    """A taken part of the room: an upright box by its lowest and highest corner (m)."""

    low: Vector
    high: Vector

    def overlaps(self, other: "Claim") -> bool:
        """Whether the two share any space."""
        return all(a < d and c < b for a, b, c, d in zip(self.low, self.high, other.low, other.high, strict=True))

    def holds(self, x: float, y: float, z: float, margin: float) -> bool:
        """Whether a point is inside or nearer than ``margin`` along each axis."""
        point = zip(self.low, (x, y, z), self.high, strict=True)
        return all(low - margin < value < high + margin for low, value, high in point)


class Room:
    """A room of random size around the origin, its floor at z = 0."""

    def __init__(self, stage: Stage) -> None:
        draw = stage.draw
        self.stage = stage
        self.width, self.depth = draw.uniform(2.8, 5.2), draw.uniform(2.8, 5.8)
        self.height = draw.uniform(2.3, 2.9)
        self.claims: list[Claim] = []
        self._close()

    def _close(self) -> None:
        """Floor, ceiling and four walls, whose third axis points into the room."""
        palette, x, y, z = self.stage.palette, self.width / 2, self.depth / 2, self.height
        wall = palette.paint()
        sides: list[tuple[Label, Vector, Vector, Matrix]] = [
            (Label.FLOOR, (0, 0, 0), (x, y, 1), (1, 0, 0, 0, 1, 0, 0, 0, 1)),
            (Label.CEILING, (0, 0, z), (x, y, 1), (1, 0, 0, 0, -1, 0, 0, 0, -1)),
            (Label.WALL, (0, y, z / 2), (x, z / 2, 1), (1, 0, 0, 0, 0, -1, 0, 1, 0)),
            (Label.WALL, (-x, 0, z / 2), (y, z / 2, 1), (0, 0, 1, 1, 0, 0, 0, 1, 0)),
            (Label.WALL, (0, -y, z / 2), (x, z / 2, 1), (-1, 0, 0, 0, 0, 1, 0, 1, 0)),
            (Label.WALL, (x, 0, z / 2), (y, z / 2, 1), (0, 0, -1, -1, 0, 0, 0, 1, 0)),
        ]
        for label, centre, half, turn in sides:
            material = palette.ground() if label == Label.FLOOR else palette.paint()
            if label == Label.WALL and not self.stage.chance(0.3):
                material = wall
            self.stage.groups += 1
            self.stage.shapes.append(Shape(Kind.PLANE, centre, half, turn, label, self.stage.groups, material))

    def along_wall(self, plan: Plan, low: float = 0.0, high: float = 0.0, tries: int = 10) -> Frame | None:
        """Place with its back to a wall at a height in ``low``..``high``; None if there is no room."""
        draw = self.stage.draw
        for _ in range(tries):
            wall, z = draw.randrange(4), draw.uniform(low, high)
            length, distance = (self.width, self.depth) if wall % 2 == 0 else (self.depth, self.width)
            slack = length / 2 - plan.width / 2 - 0.03
            if slack <= 0 or z + plan.height > self.height - 0.02:
                continue
            along, out = draw.uniform(-slack, slack), (distance - plan.depth) / 2
            if plan.depth > 0.1 and draw.random() < 0.3:
                along = draw.choice((-slack, slack))  # furniture likes corners
            yaw = wall * QUARTER
            x, y = cos(yaw) * along - sin(yaw) * out, sin(yaw) * along + cos(yaw) * out
            if self._take(plan, (x, y, z), yaw):
                return Frame(self.stage, (x, y, z), yaw, plan.label)
        return None

    def in_the_room(self, plan: Plan, tries: int = 8) -> Frame | None:
        """Place anywhere on the floor, mostly in line with the walls; None if there is no room."""
        draw = self.stage.draw
        for _ in range(tries):
            yaw = draw.randrange(4) * QUARTER + draw.choice((0, 0, draw.uniform(-0.6, 0.6)))
            x = draw.uniform(-0.5, 0.5) * (self.width - plan.width)
            y = draw.uniform(-0.5, 0.5) * (self.depth - plan.width)
            if self._take(plan, (x, y, 0.0), yaw):
                return Frame(self.stage, (x, y, 0.0), yaw, plan.label)
        return None

    def near(self, host: Frame, x: float, y: float, yaw: float, plan: Plan, ignore: int) -> Frame | None:
        """Place at a spot of another thing's frame; the claim of index ``ignore`` may be overlapped."""
        spot, turn = host.world(x, y, 0), host.yaw + yaw
        if self._take(plan, spot, turn, ignore):
            return Frame(self.stage, spot, turn, plan.label)
        return None

    def _take(self, plan: Plan, spot: Vector, yaw: float, ignore: int = -1) -> bool:
        """Claim the space if it is free and inside the room."""
        c, s = abs(cos(yaw)), abs(sin(yaw))
        x, y = (c * plan.width + s * plan.depth) / 2, (s * plan.width + c * plan.depth) / 2
        if abs(spot[0]) + x > self.width / 2 + 0.01 or abs(spot[1]) + y > self.depth / 2 + 0.01:
            return False
        claim = Claim((spot[0] - x, spot[1] - y, spot[2]), (spot[0] + x, spot[1] + y, spot[2] + plan.height))
        if any(claim.overlaps(other) for index, other in enumerate(self.claims) if index != ignore):
            return False
        self.claims.append(claim)
        return True
