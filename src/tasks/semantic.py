"""Semantic segmentation."""

from collections.abc import Sequence
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field
from torch import Tensor
from torch.nn import functional
from torchmetrics import MetricCollection

from src.foundation.errors import UserError
from src.metrics.semantic import PerImageIoU, SegmentationScores
from src.tasks.base import TASKS, Task
from src.visual.palette import spread_colours

IGNORE = -1


@TASKS.register()
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
    primary_metric = "miou"
    higher_is_better: ClassVar[dict[str, bool]] = {
        "miou": True,
        "pixel_accuracy": True,
        "miou_per_image": True,
    }
    delta_m_metrics: ClassVar[tuple[str, ...]] = ("miou", "pixel_accuracy")
    invalid: ClassVar[float] = IGNORE

    def __init__(
        self,
        classes: Annotated[int, Field(ge=1, description="number of classes")],
        colours: Annotated[Sequence[Sequence[int]] | None, Field(description="(red, green, blue) per class")] = None,
        names: Annotated[Sequence[str] | None, Field(description="name per class")] = None,
    ) -> None:
        for what, values in (("colours", colours), ("names", names)):
            if values is not None and len(values) != classes:
                raise UserError(f"{len(values)} {what} were given for {classes} classes")
        self.channels = classes
        self.modality = f"label{classes}"
        self.colours = [tuple(colour) for colour in colours] if colours is not None else spread_colours(classes)
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

    def output_distillation_loss(self, raw: Tensor, teacher: Tensor, temperature: float) -> Tensor:
        """Compute KL(teacher || student) of softened classes times temperature^2, pixels' mean (Hinton et al. 2015)."""
        ours, theirs = (functional.log_softmax(x.float() / temperature, dim=1) for x in (raw, teacher))
        return functional.kl_div(ours, theirs, reduction="none", log_target=True).sum(1).mean() * temperature**2

    def metrics(self) -> MetricCollection:
        """Build mIoU and pixel accuracy of the whole set, and the older mean IoU per image."""
        return MetricCollection([SegmentationScores(self.channels), PerImageIoU(self.channels)])

    def hflip(self, target: Tensor) -> Tensor:
        """Flip along the width."""
        return target.flip(-1)

    def rescale(self, target: Tensor, scale: Tensor) -> Tensor:
        """Return the classes, which no scale changes."""
        return target

    def to_numpy(self, prediction: Tensor) -> np.ndarray:
        """Return the most likely class (H, W) of logits (classes, H, W)."""
        return prediction.argmax(0).cpu().numpy()

    def colorize(self, value: np.ndarray) -> np.ndarray:
        """Draw class ids (H, W) in their classes' colours, anything else black."""
        table = np.array([*self.colours, (0, 0, 0)], dtype=np.uint8)
        known = (value >= 0) & (value < self.channels)
        return table[np.where(known, value, self.channels)]

    def error(self, prediction: Tensor, target: Tensor) -> np.ndarray:
        """Mark wrong classes with 1, given logits (classes, H, W) and classes (H, W)."""
        wrong = (prediction.argmax(0) != target) & (target != IGNORE)
        return wrong.float().cpu().numpy()
