"""Partly labelled training data: which images keep the label of which task."""

from collections.abc import Mapping, Sequence
from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor

from src.foundation.errors import UserError
from src.tasks.base import Task

Supervision = Literal["full", "random", "one"]
Masks = Mapping[str, np.ndarray | Tensor]
"""By task: for each image of the training split whether its label is kept (N), bool."""


def draw_labels(count: int, tasks: Sequence[str], supervision: Supervision, seed: int) -> dict[str, np.ndarray]:
    """Draw for each of ``count`` training images which tasks keep their label: all, a random subset or one.

    Li et al., "Learning Multiple Dense Prediction Tasks from Partially Annotated Data", CVPR 2022. A random subset
    has a size drawn uniformly from 1 to the number of tasks.

    Args:
        count: images of the training split, held-out ones included.
        tasks: every task of the protocol, whichever a run trains: so a teacher's labels are its student's.
        supervision: ``full``, ``random`` or ``one``.
        seed: of the draw.

    Raises:
        UserError: an unknown ``supervision``.
    """
    choices = get_args(Supervision)
    if supervision not in choices:
        raise UserError(f"labels={supervision} is unknown", f"choose one of {', '.join(choices)}", "labels=full")
    # a seed that no epoch's order of images uses, so that the labels kept do not depend on that order
    generator = torch.Generator().manual_seed(seed * 1_000_003 + 211_114_893)
    names = sorted(tasks)
    shape = (count, len(names))
    rank = torch.rand(shape, generator=generator, dtype=torch.float64).argsort(1).argsort(1)
    drawn = torch.randint(1, len(names) + 1, (count, 1), generator=generator)
    size = {"full": torch.tensor(len(names)), "random": drawn, "one": torch.tensor(1)}[supervision]
    return dict(zip(names, (rank < size).T.numpy(), strict=True))


class LabelMasks:
    """Makes the targets of training images invalid where a label is not kept.

    Args:
        masks: of every task in ``tasks``; others are left alone.
        tasks: the run's tasks.
        trained_on: indices of the images that are trained on.

    Raises:
        UserError: a task has no mask, or keeps no label of an image that is trained on.
    """

    def __init__(self, masks: Masks, tasks: Mapping[str, Task], trained_on: Sequence[int]) -> None:
        for name in tasks:
            if name not in masks:
                raise UserError(
                    f"it is not known which images keep their label of {name}",
                    f"labels were drawn for {', '.join(masks)} alone",
                    f"labels=full, or a choice of tasks with {name}",
                )
            if not np.asarray(masks[name])[list(trained_on)].any():
                raise UserError(
                    f"no training image keeps its label of {name}",
                    f"{len(trained_on)} images share the labels",
                    "labels=full, another seed or more training images",
                )
        self.tasks = dict(tasks)
        self.kept = {name: torch.as_tensor(masks[name], dtype=torch.bool) for name in tasks}

    def images(self) -> dict[str, list[int]]:
        """List by task the images of the training split whose label is kept."""
        return {name: kept.nonzero().flatten().tolist() for name, kept in self.kept.items()}

    def __call__(self, batch: Mapping[str, Tensor], index: Tensor) -> dict[str, Tensor]:
        """Hide targets in a batch, given each image's index (N) in the training split, on the batch's device."""
        return dict(batch) | {name: self._hidden(batch[name], name, index) for name in self.tasks}

    def _hidden(self, target: Tensor, name: str, index: Tensor) -> Tensor:
        # moved once, not at every step, where the copy would wait for the device
        self.kept[name] = self.kept[name].to(index.device)
        unlabelled = ~self.kept[name][index].view(-1, *[1] * (target.ndim - 1))
        return target.masked_fill(unlabelled, self.tasks[name].invalid)
