"""How a network is trained on: options that every network takes."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from src.foundation.errors import UserError
from src.models.base import MODELS, MultiTaskNetwork
from src.models.drop_path import add_drop_path
from src.models.freezing import freeze as freeze_parts
from src.models.lora import add_lora

Freeze = Annotated[
    Annotated[str, Field(pattern=r"^(backbone|stages:[1-9][0-9]*)$")] | None,
    Field(description="what is not trained: backbone, or stages:N for what computes its first N levels"),
]
DropPathRate = Annotated[
    float, Field(ge=0, lt=1, description="probability that the backbone's last block is left out; 0 at the first")
]
LoraRank = Annotated[int, Field(ge=0, description="rank of what a frozen transformer's attention learns; 0 is off")]
LoraAlpha = Annotated[
    Annotated[float, Field(gt=0)] | None, Field(description="alpha / rank scales LoRA; null: twice the rank")
]
LoraLayers = Annotated[
    Annotated[Sequence[str], Field(min_length=1)] | None,
    Field(description="LoRA's layers of each attention, such as [qkv, proj]; null: all"),
]


@MODELS.finish
def finish(
    network: MultiTaskNetwork,
    freeze: Freeze = None,
    drop_path: DropPathRate = 0.0,
    lora_rank: LoraRank = 0,
    lora_alpha: LoraAlpha = None,
    lora_layers: LoraLayers = None,
) -> MultiTaskNetwork:
    """Return a network as it is, or prepared for fine-tuning.

    Raises:
        UserError: the network has no such part, or an option would change nothing.
    """
    idle = [f"model.lora_{k}" for k, v in (("alpha", lora_alpha), ("layers", lora_layers)) if v is not None]
    if idle and not lora_rank:
        raise UserError(f"{idle[0]} would change nothing", "model.lora_rank is 0", "model.lora_rank=8")
    if freeze is not None and lora_rank:
        raise UserError(
            f"model.freeze={freeze} would change nothing", "LoRA freezes the whole backbone", "leave model.freeze out"
        )
    if drop_path:
        add_drop_path(network.trunk, drop_path)
    if lora_rank:
        add_lora(network, lora_rank, lora_alpha or 2.0 * lora_rank, lora_layers)
    if freeze is not None:
        freeze_parts(network, freeze)
    return network
