"""What tasks by kind share: all that follows from the modality of their labels."""

from collections.abc import Mapping, Sequence
from copy import copy
from typing import Annotated, ClassVar, Self

import numpy as np
from pydantic import Field
from torch import Tensor
from torchmetrics import Metric, MetricCollection

from src.foundation.errors import UserError
from src.foundation.validation import unknown_name
from src.metrics.chosen import ChosenMetrics
from src.modalities.base import Modality
from src.modalities.drawing import colorize
from src.modalities.legend import legend, with_range_of
from src.modalities.targets import flipped, invalid_value, is_labelled, rescaled, target_of
from src.tasks.base import Task
from src.visual.legends import Legend

ModalityOption = Annotated[
    Modality | str | None,
    Field(description="the map of the dataset that holds the labels, by name; null: the only one of the task's kind"),
]
Name = Annotated[str | None, Field(min_length=1, description="the task's name; null: that of its modality")]
Metrics = Annotated[
    Sequence[str] | None,
    Field(min_length=1, description="metrics, the primary one first; null: the kind's usual ones"),
]


class MapTask(Task):
    """A task whose targets, geometry and pictures are those of its modality.

    Args:
        modality: what its labels are.
        name: its name.
        metrics: the metrics that are computed, the primary one first.

    Raises:
        UserError: a modality of another kind, or one of which only the name is known; an unknown metric.
    """

    kind: ClassVar[str]
    """The kind of modality that it predicts."""
    known_metrics: ClassVar[Mapping[str, bool]]
    """All metrics of the kind, and whether higher is better."""
    usual_metrics: ClassVar[tuple[str, ...]]
    """Those that are computed unless others are chosen, the primary one first."""
    of_delta_m: ClassVar[tuple[str, ...]]
    """Those that enter Delta_m where they are computed."""

    def __init__(self, modality: Modality | str | None, name: str | None, metrics: Sequence[str] | None) -> None:
        if not isinstance(modality, Modality):
            what = f"a task of the modality {modality} cannot be built" if modality else "a task has no modality"
            raise UserError(what, "what its values are is known once a dataset is chosen")
        if modality.kind != self.kind:
            raise UserError(
                f"task {name or modality.name} is for {self.kind} maps",
                f"{modality.name} is a map of kind {modality.kind}",
                f"task.modality=NAME with the name of a {self.kind} map, or another task",
            )
        self.modality, self.name = modality, name or modality.name
        self.channels, self.invalid = modality.outputs, invalid_value(modality)
        chosen = tuple(metrics or self.usual_metrics)
        for metric in chosen:
            if metric not in self.known_metrics:
                raise unknown_name(f"metric of {self.name}", metric, self.known_metrics)
        self.higher_is_better = {metric: self.known_metrics[metric] for metric in chosen}
        self.primary_metric = chosen[0]
        self.delta_m_metrics = tuple(m for m in self.of_delta_m if m in chosen) or chosen[:1]

    def labelled(self, target: Tensor) -> Tensor:
        """Return where targets have a label."""
        return is_labelled(self.modality, target)

    def target(self, stored: Tensor) -> Tensor:
        """Turn stored maps into targets."""
        return target_of(self.modality, stored)

    def activate(self, raw: Tensor) -> Tensor:
        """Return the head's output as it is."""
        return raw

    def metrics(self) -> MetricCollection:
        """Build fresh metric objects for the chosen metrics."""
        return ChosenMetrics(self.metric_objects(self.higher_is_better), tuple(self.higher_is_better), self.labelled)

    def metric_objects(self, chosen: Mapping[str, bool]) -> list[Metric]:
        """Build the objects that compute the ``chosen`` metrics."""
        raise NotImplementedError

    def hflip(self, target: Tensor) -> Tensor:
        """Flip along the width; mirrored components change their sign."""
        return flipped(self.modality, target)

    def rescale(self, target: Tensor, scale: Tensor) -> Tensor:
        """Correct values as the modality wants it."""
        return rescaled(self.modality, target, scale)

    def to_numpy(self, prediction: Tensor) -> np.ndarray:
        """Return a scalar or binary prediction or target (1, H, W) as (H, W), vectors (C, H, W) as they are."""
        array: np.ndarray = prediction.float().cpu().numpy()
        return array if self.kind == "vector" else array[0]

    def colorize(self, value: np.ndarray) -> np.ndarray:
        """Draw one map as uint8 (H, W, 3), black where it is not valid."""
        return colorize(self.modality, value)

    def drawn_like(self, maps: Sequence[np.ndarray]) -> Self:
        """Return the task with the range of colours of the first map that has values, where it has none of its own."""
        drawn = copy(self)
        drawn.modality = with_range_of(self.modality, maps)
        return drawn

    def legend(self, maps: Sequence[np.ndarray]) -> Legend:
        """List the classes in ``maps``, or the ends of their range, or directions."""
        return legend(self.modality, maps)
