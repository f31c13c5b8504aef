"""Streets: Cityscapes' embedded twin."""

from typing import ClassVar

import numpy as np

from src.data.generator.streets import draw_street
from src.data.labels.base import LabelSet
from src.data.labels.cityscapes import CITYSCAPES_7, CITYSCAPES_19
from src.data.sources.cityscapes_official import DISPARITY
from src.data.sources.drawn import Drawn


class Streets(Drawn):
    """Road scenes with the tasks and classes of Cityscapes."""

    name = "streets"
    labels: ClassVar[dict[str, LabelSet]] = {"label7": CITYSCAPES_7, "label19": CITYSCAPES_19}
    units: ClassVar[dict[str, str]] = {"depth": DISPARITY}

    def draw(self, scene: int, size: tuple[int, int]) -> dict[str, np.ndarray]:
        """Draw a street at ``size`` (H, W)."""
        return draw_street(scene, size)
