"""TorchJD's scalarizers: one function of all losses."""

from collections.abc import Mapping, Sequence
from inspect import isclass
from typing import Annotated, Any

import torch
import torchjd.scalarization
from pydantic import Field
from torch import Tensor
from torchjd.scalarization import FAMO, Scalarizer

from src.foundation.part_options import Slot
from src.foundation.registry import Registry
from src.loss_weights.base import LOSS_WEIGHTS, SMALLEST, LossWeighting, Parameters, require_not_negative
from src.loss_weights.tangent import at_mean_losses
from src.loss_weights.torchjd_state import refuse_unsaved_memory

SCALARIZERS = Registry("scalarizer", "src.loss_weights", given=("shape",))
"""All of TorchJD's scalarizers, under their own names."""
# FAMO is told of the losses after each step, which loss_weights=famo does
_OTHERS = (Scalarizer, FAMO)
for _name in torchjd.scalarization.__all__:
    _class = getattr(torchjd.scalarization, _name)
    if isclass(_class) and issubclass(_class, Scalarizer) and _class not in _OTHERS:
        SCALARIZERS.add(_name, _class)


@LOSS_WEIGHTS.register()
class Scalarized(LossWeighting):
    """Minimises a scalarizer of the task losses, whose parameters are trained with the network.

    Its slopes are taken at the losses' mean over processes, so every process weighs its own losses alike.

    Args:
        tasks: names of the tasks.
        scalarizer: name and options of TorchJD's scalarizer.
        logarithmic: whether losses must not be negative, and count as 1e-8 where they are less.
    """

    latest: Tensor

    def __init__(
        self,
        tasks: Sequence[str],
        scalarizer: Annotated[
            Mapping[str, Any],
            Slot("scalarizer", built=False),
            Field(description="TorchJD's scalarizer and its options"),
        ],
        logarithmic: Annotated[
            bool, Field(description="losses must not be negative, and count as 1e-8 where less")
        ] = False,
    ) -> None:
        super().__init__(tasks)
        sizes = {"shape": len(tasks)} if SCALARIZERS.takes(scalarizer, "shape") else {}
        self.scalarizer = SCALARIZERS.build(scalarizer, **sizes)
        refuse_unsaved_memory(self.scalarizer)
        self.logarithmic = logarithmic
        self.register_buffer("latest", torch.ones(len(tasks)))

    def combine(self, losses: Tensor, parameters: Parameters) -> Tensor:
        """Return the scalarizer's value, whose gradient by losses (T) is ``weights``."""
        total, slopes = at_mean_losses(self._value, losses)
        self.latest.copy_(slopes)
        return total

    def _value(self, losses: Tensor) -> Tensor:
        if self.logarithmic:
            require_not_negative(losses.detach(), self.tasks)
            losses = losses.clamp_min(SMALLEST)
        value: Tensor = self.scalarizer(losses)
        return value

    def weights(self) -> Tensor:
        """Return the scalarizer's slopes (T) by the losses in the last step."""
        return self.latest
