"""Any network of timm with intermediate features as a trunk."""

from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field
from torch import Tensor, nn

from src.foundation.errors import UserError
from src.models.base import MODELS, Features, MultiTaskNetwork, Trunk
from src.models.weights.hub import from_hub
from src.models.weights.loading import Matching, load_weights
from src.models.weights.of_timm import conversion_for, remarks_on, statistics_in

LOADING = {"checkpoint_path", "pretrained", "pretrained_cfg", "pretrained_cfg_overlay", "cache_dir"}
"""Arguments of timm.create_model that make it read files or the network."""


class TimmTrunk(Trunk):
    """The intermediate features of a timm network, its classifier left out.

    Levels: ``encoder1``, ... and ``bottleneck``, the last of them; for a transformer, its blocks.
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model
        info = model.feature_info
        described = list(info) if isinstance(info, list) else info.get_dicts()
        names = [f"encoder{i + 1}" for i in range(len(described) - 1)] + ["bottleneck"]
        self.channels = {name: int(d["num_chs"]) for name, d in zip(names, described, strict=True)}
        reductions = {int(d["reduction"]) for d in described}
        self.divisor = reductions.pop() if len(reductions) == 1 else 1  # patches must fill the image, strides need not

    def backbone(self) -> nn.Module:
        """Return timm's network."""
        model: nn.Module = self.model
        return model

    def forward(self, image: Tensor, until: str | None = None) -> Features:
        """Map images (N, 3, H, W) to features by level name, computing nothing beyond ``until``."""
        names = list(self.channels)
        wanted = list(range(len(names) if until is None else names.index(until) + 1))
        found = self.model.forward_intermediates(
            image, indices=wanted, stop_early=True, output_fmt="NCHW", intermediates_only=True
        )
        return {names[i]: feature.contiguous() for i, feature in zip(wanted, found, strict=True)}


def _head(width: int, channels: int) -> nn.Module:
    return nn.Conv2d(width, channels, 3, padding=1)


@MODELS.register("timm")
def timm_network(
    outputs: Mapping[str, int],
    backbone: Annotated[str, Field(description="name of a network of timm")],
    weights: Annotated[str | None, Field(description="a file, or hub: timm's pretrained ones")] = None,
    options: Annotated[Mapping[str, Any] | None, Field(description="arguments of timm.create_model")] = None,
    match: Matching = "name",
) -> MultiTaskNetwork:
    """Build timm's ``backbone``, with a convolution on its last feature for each of ``outputs``.

    ``weights`` is a file, or ``hub`` for timm's pretrained ones, which need a connection. With either, pictures are
    normalised as timm says of the network.

    Raises:
        UserError: no such network, one without intermediate features, or weights that are unavailable or do not fit.
    """
    model = timm_backbone(backbone, weights, options)
    before = set(model.state_dict())
    _drop_unused(model)
    network = MultiTaskNetwork(TimmTrunk(model), outputs, _head)
    load_backbone(network, model, before, backbone, weights, match)
    return network


def timm_backbone(backbone: str, weights: str | None, options: Mapping[str, Any] | None) -> Any:
    """Build timm's ``backbone`` without classes, with ``weights`` if they are the hub's; raises UserError."""
    if files := sorted(set(options or {}) & LOADING):
        raise UserError(
            f"model.options cannot hold {', '.join(files)}",
            "weights come from model.weights alone, which is not taken from somebody else's file",
            "model.weights=FILE, or hub",
        )
    model = _create(backbone, weights == "hub", dict(options or {}))
    if not hasattr(model, "forward_intermediates"):
        raise UserError(f"timm's '{backbone}' gives no intermediate features", "it has no forward_intermediates")
    return model


def load_backbone(
    network: MultiTaskNetwork, model: Any, before: set[str], backbone: str, weights: str | None, match: Matching
) -> None:
    """Load the file ``weights``, where it is one, into a backbone that has lost its last layers.

    Args:
        network: that the backbone is in; it gets the statistics of pictures, and what was read.
        model: the backbone.
        before: the names of its tensors before it lost layers.
        backbone: its name in timm.
        weights: a file, ``hub``, or None.
        match: how tensors are found.

    Raises:
        UserError: the file does not fit.
    """
    if not weights:
        return
    statistics = statistics_in(model.pretrained_cfg)
    network.set_input_statistics(statistics)
    if weights == "hub":
        return
    target, file = model.state_dict(), Path(weights)
    unused, convert = before - set(target), conversion_for(model)
    read = load_weights([target], file, f"timm's '{backbone}'", match, unused, convert)
    network.weights_read = read + remarks_on(file, backbone, statistics)


def _drop_unused(model: Any) -> None:
    """Remove the layers after the last feature: without gradients they would stop distributed training."""
    info = model.feature_info
    levels = len(info if isinstance(info, list) else info.get_dicts())
    if hasattr(model, "prune_intermediate_layers"):
        model.prune_intermediate_layers(list(range(levels)), prune_norm=True, prune_head=True)


def _create(backbone: str, pretrained: bool, options: dict[str, Any]) -> Any:
    """Build timm's ``backbone`` without classes; raises UserError where timm cannot."""
    import timm  # takes seconds, and only these networks need it

    try:
        with from_hub(f"timm's '{backbone}'") if pretrained or ":" in backbone else nullcontext():
            return timm.create_model(backbone, pretrained=pretrained, num_classes=0, **options)
    except (TypeError, ValueError, AssertionError, RuntimeError) as error:
        unknown = "Unknown model" in str(error)
        what = f"timm has no network '{backbone}'" if unknown else f"timm cannot build '{backbone}' with {options}"
        raise UserError(what, str(error)) from error
