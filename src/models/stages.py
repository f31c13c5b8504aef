"""Which parameters of a backbone belong to which of its stages and layers, from the image on."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from src.foundation.errors import UserError
from src.models.base import Trunk

Group = list[nn.Parameter]
LEAST = 64
"""Smallest side of the images by which stages are found."""


def backbone_of(trunk: Trunk, option: str) -> nn.Module:
    """Return the backbone of ``trunk``; raises UserError, which names ``option``, where it has none."""
    backbone = trunk.backbone()
    if backbone is None:
        raise UserError(
            f"{option} needs a backbone",
            "this network does not say which part of it that is",
            "leave it out, or let the network's Trunk return its encoder from backbone()",
        )
    return backbone


def stages(trunk: Trunk) -> list[Group]:
    """List the backbone's parameters by the feature level that first depends on them, for all levels up to its last.

    Those that no level depends on count to the last stage. Nothing is computed: the graph of a pass without data says
    what depends on what.
    """
    backbone = backbone_of(trunk, "a stage")
    left = {id(parameter): parameter for parameter in backbone.parameters()}
    found: list[Group] = []
    for reached in _reached_by_level(trunk):
        found.append([left.pop(key) for key in list(left) if key in reached])
    while found and not found[-1]:
        found.pop()
    found[-1] += left.values()
    return found


def layers(trunk: Trunk) -> list[Group]:
    """List the backbone's parameters by layer: a transformer's blocks as timm groups them, else the stages."""
    for module in backbone_of(trunk, "a layer").modules():
        if hasattr(module, "group_matcher") and _is_transformer(module):
            return _groups_of_timm(module, trunk)
    return stages(trunk)


def _is_transformer(model: Any) -> bool:
    return hasattr(model, "patch_embed")


def _groups_of_timm(model: Any, trunk: Trunk) -> list[Group]:
    """Group the parameters of timm's ``model`` by depth, and the others of the backbone with the last of them."""
    from timm.models import group_parameters  # takes seconds, and only these networks need it

    parameters = dict(model.named_parameters())
    depths = group_parameters(model, model.group_matcher(coarse=False), reverse=True)
    numbers = sorted({depths[name] for name in parameters})
    found: list[Group] = [[p for name, p in parameters.items() if depths[name] == number] for number in numbers]
    known = set(map(id, parameters.values()))
    found[-1] += [p for p in backbone_of(trunk, "a layer").parameters() if id(p) not in known]
    return found


def _reached_by_level(trunk: Trunk) -> Iterator[set[int]]:
    """Yield for each level of ``trunk`` the ids of the parameters that its features depend on."""
    own = dict(trunk.named_parameters())
    meta = {name: torch.empty_like(p, device="meta", requires_grad=True) for name, p in own.items()}
    buffers = {name: torch.empty_like(buffer, device="meta") for name, buffer in trunk.named_buffers()}
    names = {id(value): name for name, value in meta.items()}
    modes = {module: module.training for module in trunk.modules()}
    trunk.eval()
    try:
        with torch.enable_grad(), torch.compiler.set_stance("force_eager"):
            image = torch.empty(2, 3, *_image_size(trunk), device="meta")
            features = functional_call(trunk, {**meta, **buffers}, (image,))
    finally:
        for module, mode in modes.items():
            module.training = mode
    for level in trunk.channels:
        outputs = [value for key, value in features.items() if key.split("/")[0] == level]
        yield {id(own[names[key]]) for key in _leaves(outputs) if key in names}


def _leaves(outputs: list[Tensor]) -> set[int]:
    """Return the ids of all leaves that the graph of ``outputs`` ends in."""
    found: set[int] = set()
    seen, waiting = set(), [output.grad_fn for output in outputs if output.grad_fn is not None]
    while waiting:
        node: Any = waiting.pop()
        if node in seen:
            continue
        seen.add(node)
        if hasattr(node, "variable"):
            found.add(id(node.variable))
        waiting += [following for following, _ in node.next_functions if following is not None]
    return found


def _image_size(trunk: Trunk) -> tuple[int, int]:
    """Return a small size that the trunk takes: the only one, where patches are embedded at one size alone."""
    for module in trunk.modules():
        size = getattr(module, "img_size", None)
        if getattr(module, "strict_img_size", False) and isinstance(size, tuple):
            return size
    side = -(-LEAST // trunk.divisor) * trunk.divisor
    return side, side
