"""The three usual tasks, built without a dataset."""

from src.modalities.base import Modality
from src.modalities.known import NORMAL, depth_in
from src.tasks.classes import Classes
from src.tasks.scalar import Scalar
from src.tasks.vector import Vector


class Semantic(Classes):
    """As task=semantic, with ``classes`` classes without names."""

    def __init__(self, classes: int) -> None:
        names = tuple(f"class {index}" for index in range(classes))
        label = Modality(name=f"label{classes}", kind="classes", names=names)
        super().__init__(label, "semantic", metrics=["miou", "pixel_accuracy", "miou_per_image"])


class Depth(Scalar):
    """As task=depth."""

    def __init__(self, unit: str = "m") -> None:
        metrics = ["absolute_error", "relative_error", "rmse", "delta_1"]
        super().__init__(depth_in(unit), "depth", metrics=metrics)


class Normal(Vector):
    """As task=normal."""

    def __init__(self) -> None:
        super().__init__(NORMAL, "normal")
