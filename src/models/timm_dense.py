"""Any backbone of timm, convolutional or transformer, with a decoder: a network for dense prediction."""

import inspect
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import Field
from torch import Tensor, nn

from src.foundation.errors import UserError
from src.foundation.part_options import Slot
from src.models.backbone_size import only_size
from src.models.base import MODELS, Features, MultiTaskNetwork, Trunk
from src.models.decoders.base import DECODERS, LEVELS, BackboneLevels, Decoder
from src.models.timm import load_backbone, timm_backbone
from src.models.weights.loading import Matching


class TimmDenseTrunk(Trunk):
    """Four levels of a backbone of timm and a decoder of them.

    Levels: ``encoder1`` to ``encoder3``, ``bottleneck`` and ``decoder``. Those of a plain transformer are blocks, after
    its last LayerNorm; those of any other network are its stages.

    Args:
        model: a network of timm without classes.
        indices: its blocks or stages, from 0, that are the levels.
        decoder: configuration of the decoder.
        size: the only height and width that the backbone takes; None for any multiple of its largest stride.
    """

    def __init__(
        self, model: Any, indices: Sequence[int], decoder: Mapping[str, Any], size: tuple[int, int] | None = None
    ) -> None:
        super().__init__()
        described = _described(model)
        found = BackboneLevels(
            tuple(int(described[i]["num_chs"]) for i in indices),
            tuple(int(described[i]["reduction"]) for i in indices),
            _has_class_token(model),
        )
        self.normed = found.plain and hasattr(model, "norm")  # SAM's ends in a neck of other channels instead
        if hasattr(model, "prune_intermediate_layers"):  # layers without gradients would stop distributed training
            model.prune_intermediate_layers(list(indices), prune_norm=not self.normed, prune_head=True)
        self.model, self.indices, self.found = model, tuple(indices), found
        self.decoder: Decoder = DECODERS.build(decoder, found)
        names = [*(f"encoder{i + 1}" for i in range(LEVELS - 1)), "bottleneck"]
        self.channels = dict(zip(names, found.channels, strict=True)) | {"decoder": self.decoder.channels}
        self.divisor = max(found.strides)
        self.only_size = size

    def forward(self, image: Tensor, until: str | None = None) -> Features:
        """Map images (N, 3, H, W) to features by level name, computing nothing beyond ``until``."""
        names = list(self.channels)[:-1]
        wanted = names if until not in names else names[: names.index(until) + 1]
        features, class_tokens = self._intermediates(image, self.indices[: len(wanted)])
        levels = dict(zip(wanted, features, strict=True))
        if until is None or until == "decoder":
            levels["decoder"] = self.decoder(features, class_tokens)
        return levels

    def backbone(self) -> nn.Module:
        """Return timm's network."""
        backbone: nn.Module = self.model
        return backbone

    def last_stage(self) -> nn.Module:
        """Return the decoder."""
        return self.decoder

    def _intermediates(self, image: Tensor, indices: Sequence[int]) -> tuple[list[Tensor], list[Tensor] | None]:
        tokens = {"return_prefix_tokens": True} if self.found.class_token else {}
        found = self.model.forward_intermediates(
            image, indices=list(indices), norm=self.normed, stop_early=True,
            output_fmt="NCHW", intermediates_only=True, **tokens,
        )  # fmt: skip
        if not tokens:
            return found, None
        return [feature for feature, _ in found], [prefix[:, :1] for _, prefix in found]  # registers follow the class


@MODELS.register("timm_dense")
def timm_dense(
    outputs: Mapping[str, int],
    backbone: Annotated[str, Field(description="name of a network of timm")],
    decoder: Annotated[
        Mapping[str, Any],
        Slot("decoder", built=False),
        Field(description="what makes one feature of four levels: linear, conv, upernet, dpt, and its channels"),
    ],
    weights: Annotated[str | None, Field(description="a file, or hub: timm's pretrained ones")] = None,
    indices: Annotated[
        Sequence[Annotated[int, Field(ge=0)]] | None,
        Field(min_length=LEVELS, max_length=LEVELS, description="the four blocks or stages that are levels, from 0"),
    ] = None,
    options: Annotated[Mapping[str, Any] | None, Field(description="arguments of timm.create_model")] = None,
    match: Matching = "name",
) -> MultiTaskNetwork:
    """Build timm's ``backbone`` with ``decoder`` and a head for each of ``outputs``.

    Levels are four blocks of a plain transformer, evenly spaced, and the last four stages of any other network, unless
    ``indices`` names them. Transformers take images of any size that fits, where timm's can.

    Raises:
        UserError: no such network, one without four intermediate features, or weights that do not fit.
    """
    given = dict(options or {})
    model = _of_any_size(backbone, weights, given)
    before = set(model.state_dict())
    trunk = TimmDenseTrunk(model, _indices(model, indices, backbone), decoder, only_size(model, given))
    kernel = trunk.decoder.head_kernel
    network = MultiTaskNetwork(
        trunk, outputs, lambda width, channels: nn.Conv2d(width, channels, kernel, padding=kernel // 2)
    )
    load_backbone(network, model, before, backbone, weights, match)
    return network


def _of_any_size(backbone: str, weights: str | None, options: Mapping[str, Any]) -> Any:
    """Build the backbone so that it takes images of any size, where timm's can."""
    if "dynamic_img_size" in options:
        return timm_backbone(backbone, weights, options)
    try:
        return timm_backbone(backbone, weights, {**options, "dynamic_img_size": True})
    except UserError as error:
        if "unexpected keyword argument 'dynamic_img_size'" not in error.why:
            raise
    return timm_backbone(backbone, weights, options)


def _indices(model: Any, indices: Sequence[int] | None, backbone: str) -> list[int]:
    """Return the blocks or stages that are levels; raises UserError where there are none such."""
    described = _described(model)
    count = len(described)
    if count < LEVELS:
        raise UserError(
            f"timm's '{backbone}' has too few levels",
            f"a decoder sees {LEVELS} of them, and it has {count}",
            "choose another model.backbone",
        )
    if indices is None:
        plain = len({d["reduction"] for d in described}) == 1
        return [count * (i + 1) // LEVELS - 1 if plain else count - LEVELS + i for i in range(LEVELS)]
    if list(indices) != sorted(set(indices)) or indices[-1] >= count:
        raise UserError(
            f"model.indices={list(indices)} names no four levels of '{backbone}'",
            f"they must ascend and be below {count}",
            f"model.indices=[{','.join(map(str, _indices(model, None, backbone)))}]",
        )
    return list(indices)


def _described(model: Any) -> list[dict[str, Any]]:
    info = model.feature_info
    return list(info) if isinstance(info, list) else list(info.get_dicts())


def _has_class_token(model: Any) -> bool:
    returned = "return_prefix_tokens" in inspect.signature(model.forward_intermediates).parameters
    return returned and getattr(model, "cls_token", None) is not None
