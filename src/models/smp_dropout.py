"""Dropout of decoders of segmentation-models-pytorch, kept out of the features that heads and distillation share."""

from typing import Any

from torch import Tensor, nn
from torch.nn import functional

from src.foundation.errors import UserError

DROPOUT = nn.Dropout | nn.Dropout2d


class DroppingHead(nn.Conv2d):
    """A 3x3 convolution that drops channels of its input in training; its weights are named like a plain one's."""

    def __init__(self, width: int, channels: int, probability: float) -> None:
        super().__init__(width, channels, 3, padding=1)
        self.probability = probability

    def forward(self, feature: Tensor) -> Tensor:
        """Map a feature (N, C, H, W) to raw outputs (N, channels, H, W)."""
        return super().forward(functional.dropout2d(feature, self.probability, self.training))


def set_dropout(decoder: nn.Module, probability: float | None) -> None:
    """Give all dropout inside ``decoder`` a probability; None leaves it as the library has it.

    Raises:
        UserError: a probability where there is no dropout.
    """
    layers = [layer for layer in decoder.modules() if isinstance(layer, DROPOUT)]
    if probability is not None and not layers:
        raise UserError(
            f"model.dropout={probability:g} would change nothing", "this decoder has no dropout", "model.dropout=null"
        )
    for layer in layers:
        layer.p = layer.p if probability is None else probability


def take_last_dropout(decoder: Any) -> float:
    """Remove the dropout with which FPN's and PSPNet's decoder ends, and return its probability; 0 without one.

    The decoder's feature is then the same in training as in evaluation, as what it is aligned with is.
    """
    last = getattr(decoder, "dropout", None)
    if not isinstance(last, DROPOUT):
        return 0.0
    decoder.dropout = nn.Identity()
    return float(last.p)
