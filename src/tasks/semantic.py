"""Semantic segmentation."""

import colorsys
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from torch import Tensor
from torch.nn import functional
from torchmetrics import MetricCollection

from src.errors import UserError
from src.metrics.semantic import PerImageIoU, SegmentationScores
from src.tasks.base import Task

IGNORE = -1


class Semantic(Task):
    """A class per pixel; targets are int64 (N, H, W) in [0, classes), -1 where ignored.

    Args:
        classes: number of classes.
        colours: (red, green, blue) in 0..255 per class, for pictures; hues spread evenly where left out.
        names: name per class, for legends.

    Raises:
        UserError: ``colours`` or ``names`` has not one entry per class.
    """

    name = "semantic"
    headline = "miou"
    higher_is_better: ClassVar[dict[str, bool]] = {
        "miou": True,
        "pixel_accuracy": True,
        "miou_per_image": True,
    }
    nine: ClassVar[tuple[str, ...]] = ("miou", "pixel_accuracy")
    invalid: ClassVar[float] = IGNORE

    def __init__(
        self, classes: int, colours: Sequence[Sequence[int]] | None = None, names: Sequence[str] | None = None
    ) -> None:
        for what, values in (("colours", colours), ("names", names)):
            if values is not None and len(values) != classes:
                raise UserError(f"{len(values)} {what} were given for {classes} classes")
        self.channels = classes
        self.modality = f"label{classes}"
        self.colours = [tuple(colour) for colour in colours] if colours is not None else _hues(classes)
        self.names = list(names) if names is not None else [f"class {index}" for index in range(classes)]

    def target(self, stored: Tensor) -> Tensor:
        """Widen int8 (N, H, W) to int64."""
        return stored.long()

    def activate(self, raw: Tensor) -> Tensor:
        """Return the logits as they are."""
        return raw

    def loss(self, raw: Tensor, target: Tensor) -> Tensor:
        """Compute the mean cross-entropy over the pixels of the batch that are not ignored."""
        total = functional.cross_entropy(raw.float(), target, ignore_index=IGNORE, reduction="sum")
        return total / (target != IGNORE).sum().clamp(min=1)

    def imitate(self, raw: Tensor, teacher: Tensor, temperature: float) -> Tensor:
        """Compute KL(teacher || student) of softened classes times temperature^2, pixels' mean (Hinton et al. 2015)."""
        ours, theirs = (functional.log_softmax(x.float() / temperature, dim=1) for x in (raw, teacher))
        return functional.kl_div(ours, theirs, reduction="none", log_target=True).sum(1).mean() * temperature**2

    def metrics(self) -> MetricCollection:
        """Build mIoU and pixel accuracy of the whole set, and the older mean IoU per image."""
        return MetricCollection([SegmentationScores(self.channels), PerImageIoU(self.channels)])

    def mirror(self, target: Tensor) -> Tensor:
        """Flip along the width."""
        return target.flip(-1)

    def zoom(self, target: Tensor, scale: Tensor) -> Tensor:
        """Return the classes, which no scale changes."""
        return target

    def show(self, prediction: Tensor) -> np.ndarray:
        """Take the most likely class (H, W) of logits (classes, H, W)."""
        return prediction.argmax(0).cpu().numpy()

    def colour(self, value: np.ndarray) -> np.ndarray:
        """Draw class ids (H, W) in their classes' colours, anything else black."""
        table = np.array([*self.colours, (0, 0, 0)], dtype=np.uint8)
        known = (value >= 0) & (value < self.channels)
        return table[np.where(known, value, self.channels)]

    def error(self, prediction: Tensor, target: Tensor) -> np.ndarray:
        """Mark wrong classes with 1, given logits (classes, H, W) and classes (H, W)."""
        wrong = (prediction.argmax(0) != target) & (target != IGNORE)
        return wrong.float().cpu().numpy()


def _hues(classes: int) -> list[tuple[int, ...]]:
    """Spread hues over the classes, alternating brightness so that neighbours differ."""
    hues = [colorsys.hsv_to_rgb(i / classes, 0.65, (0.95, 0.65)[i % 2]) for i in range(classes)]
    return [tuple(round(255 * part) for part in hue) for hue in hues]
