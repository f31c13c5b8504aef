"""An empty street, seen along +y, and finding free places in it."""

from math import cos, sin
from typing import NamedTuple

from src.synthetic.building import QUARTER, Frame, Plan
from src.synthetic.geometry import IDENTITY, Kind, Matrix, Shape, Vector
from src.synthetic.layout import Claim
from src.synthetic.streets_classes import Road
from src.synthetic.streets_palette import StreetStage
from src.synthetic.textures import Material

KERB = 0.12  # m: height of what is not road
BEHIND, FAR = -12.0, 130.0  # m: where the street begins and ends
DETAIL = 40.0  # m: what is further away is built without its small parts
ASIDE = 150.0  # m: how far to the sides there is ground
HORIZON = 600.0  # m: where the sky stands, an upright plane
TOWARDS_US: Matrix = (1, 0, 0, 0, 0, -1, 0, 1, 0)


class Bank(NamedTuple):
    """A side of the street (-1 left, 1 right): x of its kerb, widths of its sidewalk and of the verge behind (m)."""

    side: int
    kerb: float
    sidewalk: float
    verge: float
    parking: bool

    @property
    def yaw(self) -> float:
        """The turn of a thing whose front is towards the street."""
        return -self.side * QUARTER

    def out(self, distance: float) -> float:
        """The x at a distance outwards from the kerb."""
        return self.kerb + self.side * distance


class Street:
    """A straight street with the camera's lane around x = 0, sidewalks, verges and perhaps a street across."""

    def __init__(self, stage: StreetStage) -> None:
        draw = stage.draw
        self.stage = stage
        self.lane = draw.uniform(3.0, 3.6)
        self.lanes = draw.choice((1, 1, 1, 2, 2, 3))  # to the left of the camera's own
        self.banks = [self._bank(-1, self.lane * (self.lanes + 0.5)), self._bank(1, self.lane / 2)]
        start = draw.uniform(16, 55)
        self.crossing = (start, start + draw.uniform(8, 14)) if stage.chance(0.45) else (FAR, FAR)
        self.claims = [Claim((-1.4, BEHIND, 0.0), (1.4, 7.0, 4.0))]  # the camera's own car
        self._lay()

    def _bank(self, side: int, edge: float) -> Bank:
        draw, parking = self.stage.draw, self.stage.chance(0.6)
        verge = draw.choice((0.0, draw.uniform(1.5, 4), draw.uniform(2, 6), draw.uniform(6, 16)))
        return Bank(side, side * (edge + (2.2 if parking else 0.4)), draw.uniform(1.4, 3.8), verge, parking)

    def blocks(self) -> list[tuple[float, float]]:
        """Stretches along the street that no other street cuts."""
        start, end = self.crossing
        return [(BEHIND, start), (end, FAR)] if end < FAR else [(BEHIND, FAR)]

    def take(self, plan: Plan, x: float, y: float, yaw: float, z: float = 0.0) -> Frame | None:
        """Claim the space for a thing; None if it is taken."""
        c, s = abs(cos(yaw)), abs(sin(yaw))
        half = (c * plan.width + s * plan.depth) / 2, (s * plan.width + c * plan.depth) / 2
        claim = Claim((x - half[0], y - half[1], z), (x + half[0], y + half[1], z + plan.height))
        if not self._is_free(claim):
            return None
        self.claims.append(claim)
        return Frame(self.stage, (x, y, z), yaw, plan.label)

    def _is_free(self, claim: Claim) -> bool:
        """Compare along the street first, where most claims are apart; there are hundreds of them."""
        (left, near, low), (right, far, high) = claim
        return not any(
            a[1] < far and near < b[1] and a[0] < right and left < b[0] and a[2] < high and low < b[2]
            for a, b in self.claims
        )

    def put(self, plan: Plan, x: float, y: float, yaw: float, z: float = 0.0) -> bool:
        """Build a thing at a place if that is free."""
        frame = self.take(plan, x, y, yaw, z)
        if frame:
            plan.build(frame)
        return frame is not None

    def _lay(self) -> None:
        """Road and sky, which close the view; sidewalks and verges upon the road; markings."""
        palette = self.stage.palette
        self._close(Road.ROAD, (0, 0, 0), IDENTITY, palette.asphalt())
        self._close(Road.SKY, (0, HORIZON, 0), TOWARDS_US, palette.sky(self.stage.chance(0.4)))
        for bank in self.banks:
            paving = palette.paving()
            green = self.stage.chance(0.85 if bank.verge else 0.3)
            label, ground = (Road.TERRAIN, palette.grass()) if green else (Road.SIDEWALK, palette.paving())
            for start, end in self.blocks():
                self._slab(Road.SIDEWALK, (bank.kerb, bank.out(bank.sidewalk)), (start, end), paving)
                self._slab(label, (bank.out(bank.sidewalk), bank.side * ASIDE), (start, end), ground)
            self._slab(label, (bank.side * ASIDE, 0.0), (FAR, FAR + 60), ground)
        self._mark()

    def _mark(self) -> None:
        """Dashes or lines between lanes, a zebra before the street across."""
        stage, white = self.stage, self.stage.palette.marking()
        for lane in range(self.lanes):
            x = -self.lane * (lane + 0.5)
            if stage.chance(0.3):
                self._slab(Road.ROAD, (x - 0.07, x + 0.07), (BEHIND, self.crossing[0] - 5), white, 0.01)
                continue
            for step in range(10):
                start = 2 + step * 9.0
                if not self.crossing[0] - 6 < start < self.crossing[1] + 2:
                    self._slab(Road.ROAD, (x - 0.08, x + 0.08), (start, start + 3.5), white, 0.01)
        if self.crossing[0] < FAR and stage.chance(0.6):
            left, right = self.banks[0].kerb, self.banks[1].kerb
            for step in range(int((right - left) / 1.1)):
                x = left + 0.5 + step * 1.1
                self._slab(Road.ROAD, (x, x + 0.5), (self.crossing[0] - 4, self.crossing[0] - 1), white, 0.01)

    def _slab(
        self, label: Road, x: tuple[float, float], y: tuple[float, float], material: Material, rise: float = KERB
    ) -> None:
        frame = Frame(self.stage, ((x[0] + x[1]) / 2, (y[0] + y[1]) / 2, 0.0), 0.0, label)
        frame.box((0, 0, -0.1), (abs(x[1] - x[0]), y[1] - y[0], rise + 0.1), material)

    def _close(self, label: Road, centre: Vector, turn: Matrix, material: Material) -> None:
        self.stage.groups += 1
        self.stage.shapes.append(Shape(Kind.PLANE, centre, (1, 1, 1), turn, label, self.stage.groups, material))
