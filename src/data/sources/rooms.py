"""Rooms: the procedural counterpart of NYUv2."""

from typing import ClassVar

import numpy as np

from src.data.labels.base import LabelSet
from src.data.labels.nyuv2 import NYUV2_13
from src.data.sources.base import SOURCES
from src.data.sources.procedural import Procedural
from src.synthetic.rooms import draw_room


@SOURCES.register()
class Rooms(Procedural):
    """Indoor scenes with the tasks and classes of NYUv2."""

    name = "rooms"
    labels: ClassVar[dict[str, LabelSet]] = {"label13": NYUV2_13}
    units: ClassVar[dict[str, str]] = {"depth": "m"}

    def draw(self, scene: int, size: tuple[int, int]) -> dict[str, np.ndarray]:
        """Draw a room at ``size`` (H, W)."""
        return draw_room(scene, size)
