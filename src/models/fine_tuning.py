"""How a network is trained on: options that every network takes."""

from typing import Annotated

from pydantic import Field

from src.models.base import MODELS, MultiTaskNetwork
from src.models.freezing import freeze as freeze_parts

Freeze = Annotated[
    Annotated[str, Field(pattern=r"^(backbone|stages:[1-9][0-9]*)$")] | None,
    Field(description="what is not trained: backbone, or stages:N for what computes its first N levels"),
]


@MODELS.finish
def finish(network: MultiTaskNetwork, freeze: Freeze = None) -> MultiTaskNetwork:
    """Return a network as it is, or prepared for fine-tuning; raises UserError where it has no such part."""
    if freeze is not None:
        freeze_parts(network, freeze)
    return network
