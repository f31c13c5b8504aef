"""Any network of timm with intermediate features as a trunk."""

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor, nn

from src.foundation.errors import UserError
from src.foundation.tensor_files import check_archive
from src.models.base import MODELS, Features, MultiTaskNetwork, Trunk

CLASSIFIERS = ("fc.", "head.", "classifier.", "norm.", "fc_norm.")
"""Parameters that a network without classes may lack, or have beyond a file's."""
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
) -> MultiTaskNetwork:
    """Build timm's ``backbone``, with a convolution on its last feature for each of ``outputs``.

    ``weights`` is a file of its state_dict, or ``hub`` for timm's pretrained ones, which need the network.

    Raises:
        UserError: no such network, one without intermediate features, or weights that are unavailable or do not fit.
    """
    model = timm_backbone(backbone, weights, options)
    _drop_unused(model)
    return MultiTaskNetwork(TimmTrunk(model), outputs, _head)


def timm_backbone(backbone: str, weights: str | None, options: Mapping[str, Any] | None) -> Any:
    """Build timm's ``backbone`` without classes, with ``weights`` from a file or the hub; raises UserError."""
    if files := sorted(set(options or {}) & LOADING):
        raise UserError(
            f"model.options cannot hold {', '.join(files)}",
            "weights come from model.weights alone, which is not taken from somebody else's file",
            "model.weights=FILE, or hub",
        )
    model = _create(backbone, weights == "hub", dict(options or {}))
    if not hasattr(model, "forward_intermediates"):
        raise UserError(f"timm's '{backbone}' gives no intermediate features", "it has no forward_intermediates")
    if weights not in (None, "hub"):
        _load(model, Path(str(weights)), backbone)
    return model


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
        return timm.create_model(backbone, pretrained=pretrained, num_classes=0, **options)
    except (TypeError, ValueError, AssertionError) as error:
        raise UserError(f"timm cannot build '{backbone}' with {options}", str(error)) from error
    except (OSError, RuntimeError) as error:
        if "Unknown model" in str(error):
            raise UserError(f"timm has no network '{backbone}'", str(error)) from error
        raise UserError(
            f"no pretrained weights for timm's '{backbone}'",
            f"they are downloaded, and that failed ({type(error).__name__})",
            "name a file as its weights, or weights: null for random ones",
        ) from error


def _load(model: nn.Module, path: Path, backbone: str) -> None:
    """Load the weights in ``path`` into ``model``; raises UserError for any but the classifier's that do not fit."""
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            state: dict[str, Any] = load_file(path)
        else:
            if zipfile.is_zipfile(path):  # not the format of torch before 1.6, which has no checksums
                check_archive(path)
            state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch and safetensors raise many kinds for a file that is none of theirs
        raise UserError(
            f"{path} cannot be read as weights", f"{type(error).__name__}: {error}".split("\n")[0]
        ) from error
    state = state.get("state_dict", state.get("model", state))
    try:
        missing, unexpected = model.load_state_dict(state, strict=False)
        wrong = [key for key in [*missing, *unexpected] if not key.startswith(CLASSIFIERS)]
    except RuntimeError as error:  # other shapes
        wrong = [str(error).split("\n")[-1].strip()]
    if wrong:
        raise UserError(f"the weights in {path} are not of timm's '{backbone}'", "; ".join(wrong[:5]))
