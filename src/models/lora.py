"""Low-rank adaptation (Hu et al., "LoRA", arXiv 2106.09685) of the attention of a transformer."""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn
from torch.nn import functional

from src.foundation.errors import UserError
from src.models.base import MultiTaskNetwork
from src.models.freezing import BACKBONE, freeze, keep_in_eval, without_training
from src.models.stages import backbone_of

DOWN, UP, SCALE = "lora_down", "lora_up", "lora_scale"
BYPASSED = ("q_bias", "v_bias")
"""Attributes of an attention that uses the weights of its projections without calling them."""


class LoraLinear(nn.Linear):
    """A linear layer plus ``alpha / rank`` times a product of two thin trained matrices, which begins as zero.

    Maps (..., in) to (..., out). Weight and bias are those of ``layer``, under the same names.

    Args:
        layer: the linear layer.
        rank: of the product.
        alpha: see above.
    """

    def __init__(self, layer: nn.Linear, rank: int, alpha: float) -> None:
        super().__init__(layer.in_features, layer.out_features, layer.bias is not None, device="meta")
        self.weight, self.bias = layer.weight, layer.bias
        self.lora_down = nn.Parameter(layer.weight.new_empty(rank, layer.in_features))
        self.lora_up = nn.Parameter(layer.weight.new_zeros(layer.out_features, rank))
        nn.init.kaiming_uniform_(self.lora_down, a=5**0.5)
        self.register_buffer(SCALE, layer.weight.new_tensor(alpha / rank))
        self.lora_scale: Tensor

    def forward(self, input: Tensor) -> Tensor:
        """Map (..., in) to (..., out)."""
        low = functional.linear(functional.linear(input, self.lora_down), self.lora_up)
        return super().forward(input) + self.lora_scale * low


def add_lora(network: MultiTaskNetwork, rank: int, alpha: float, names: Sequence[str] | None) -> None:
    """Freeze the backbone, and let the linear layers of its attention learn what is of low rank.

    Args:
        network: the network.
        rank: of what they learn.
        alpha: its size is ``alpha / rank``.
        names: which layers of an attention, such as qkv and proj; None for all.

    Raises:
        UserError: a backbone without such layers, or one whose attention does not call them.
    """
    backbone = backbone_of(network.trunk, "model.lora_rank")
    found = [
        (module, name, layer)
        for path, module in backbone.named_modules()
        if path.split(".")[-1] in ("attn", "attention")
        for name, layer in module.named_children()
        if isinstance(layer, nn.Linear) and (names is None or name in names)
    ]
    if not found:
        raise UserError(
            f"model.lora_rank={rank} would change nothing",
            "the backbone of this network has no attention with linear layers"
            + (f" called {', '.join(names)}" if names else ""),
            "model.lora_rank=0, or a transformer, with model.lora_layers=[qkv,proj]",
        )
    freeze(network, BACKBONE)
    for attention, name, layer in found:
        if name == "qkv" and any(getattr(attention, bias, None) is not None for bias in BYPASSED):
            raise UserError(
                "model.lora_rank does not work with this attention",
                "it multiplies by the weights of qkv itself, so that nothing can be added there",
                "model.lora_layers=[proj]",
            )
        setattr(attention, name, LoraLinear(layer, rank, alpha))
    keep_in_eval(network, without_training(backbone))


def is_lora(name: str) -> bool:
    """Whether a parameter or buffer of this name is merged into others when training is over."""
    return name.rpartition(".")[2] in (DOWN, UP, SCALE)


def merged(state: Mapping[str, Any]) -> dict[str, Any]:
    """Return a network's state with what LoRA has learned added to the weights, so that a plain network takes it."""
    plain = {name: value for name, value in state.items() if not is_lora(name)}
    for name, down in state.items():
        layer, _, kind = name.rpartition(".")
        if kind == DOWN:
            key = f"{layer}.weight"
            product = state[f"{layer}.{SCALE}"] * (state[f"{layer}.{UP}"].float() @ down.float())
            plain[key] = (plain[key] + product).to(plain[key].dtype)
    return plain
