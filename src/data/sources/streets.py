"""Streets: the procedural counterpart of Cityscapes."""

from typing import ClassVar

import numpy as np

from src.data.labels.cityscapes import CITYSCAPES_7, CITYSCAPES_19, nineteen_to_seven
from src.data.sources.base import SOURCES, by_name
from src.data.sources.cityscapes_official import DISPARITY
from src.data.sources.procedural import Procedural
from src.modalities.base import Modality
from src.modalities.known import IMAGE, inverse_depth
from src.synthetic.streets import draw_street


@SOURCES.register()
class Streets(Procedural):
    """Road scenes with the tasks and classes of Cityscapes."""

    name = "streets"
    modalities: ClassVar[dict[str, Modality]] = by_name(IMAGE, CITYSCAPES_7, CITYSCAPES_19, inverse_depth(DISPARITY))

    def draw(self, scene: int, size: tuple[int, int]) -> dict[str, np.ndarray]:
        """Draw a street at ``size`` (H, W)."""
        drawn = draw_street(scene, size)
        return drawn | {"label7": nineteen_to_seven(drawn["label19"])}
