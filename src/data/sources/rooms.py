"""Rooms: the procedural counterpart of NYUv2."""

from typing import ClassVar

import numpy as np

from src.data.labels.nyuv2 import NYUV2_13
from src.data.sources.base import SOURCES, by_name
from src.data.sources.procedural import Procedural
from src.modalities.base import Modality
from src.modalities.known import IMAGE, NORMAL, depth
from src.synthetic.rooms import draw_room


@SOURCES.register()
class Rooms(Procedural):
    """Indoor scenes with the tasks and classes of NYUv2."""

    name = "rooms"
    modalities: ClassVar[dict[str, Modality]] = by_name(IMAGE, NYUV2_13, depth(), NORMAL)

    def draw(self, scene: int, size: tuple[int, int]) -> dict[str, np.ndarray]:
        """Draw a room at ``size`` (H, W)."""
        return draw_room(scene, size)
