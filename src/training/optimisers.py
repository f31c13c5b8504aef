"""Optimisers, with the options that a configuration can set."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any

import torch
from pydantic import Field
from torch.optim import Optimizer

from src.foundation.registry import Registry
from src.training.part_rates import PartRates

OPTIMISERS = Registry("optimiser", "src.training", given=("parameters",))
"""Functions from parameter groups to an optimiser."""

PLACES = "places"
"""The key of a network's group that holds a function which returns the places of the group's parameters."""
ParameterGroups = list[dict[str, Any]]
BuildOptimiser = Callable[[ParameterGroups], Optimizer]

Rate = Annotated[float, Field(gt=0, description="learning rate of the network")]
Betas = Annotated[
    Sequence[Annotated[float, Field(ge=0, lt=1)]],
    Field(min_length=2, max_length=2, description="decay of the moving averages of gradients and of their squares"),
]
Epsilon = Annotated[float, Field(gt=0, description="added to the root of the squares' average")]
Decay = Annotated[float, Field(ge=0, description="weight decay of the network")]
Fused = Annotated[bool, Field(description="one kernel for all parameters")]


@OPTIMISERS.register()
def adam(
    parameters: ParameterGroups,
    lr: Rate,
    betas: Betas = (0.9, 0.999),
    eps: Epsilon = 1e-8,
    weight_decay: Decay = 0.0,
    fused: Fused = True,
) -> Optimizer:
    """Build Adam (Kingma and Ba, ICLR 2015); its weight decay is added to gradients."""
    pair = (betas[0], betas[1])
    return torch.optim.Adam(parameters, lr=lr, betas=pair, eps=eps, weight_decay=weight_decay, fused=fused)


@OPTIMISERS.register()
def adamw(
    parameters: ParameterGroups,
    lr: Rate,
    betas: Betas = (0.9, 0.999),
    eps: Epsilon = 1e-8,
    weight_decay: Decay = 0.01,
    fused: Fused = True,
) -> Optimizer:
    """Build AdamW (Loshchilov and Hutter, ICLR 2019), whose weight decay is apart from gradients."""
    pair = (betas[0], betas[1])
    return torch.optim.AdamW(parameters, lr=lr, betas=pair, eps=eps, weight_decay=weight_decay, fused=fused)


@OPTIMISERS.finish
def finish(
    optimiser: Optimizer,
    backbone_lr_factor: Annotated[float, Field(gt=0, description="factor on the learning rate of the backbone")] = 1.0,
    decoder_lr_factor: Annotated[float, Field(gt=0, description="factor on the rate of the trunk's other part")] = 1.0,
    head_lr_factor: Annotated[float, Field(gt=0, description="factor on the rate of the heads")] = 1.0,
    layer_decay: Annotated[
        float, Field(gt=0, le=1, description="factor on the rate from each layer of the backbone to the one before it")
    ] = 1.0,
    decay_norms: Annotated[bool, Field(description="decay biases and the weights of norms, too")] = True,
) -> Optimizer:
    """Return an optimiser with the networks' groups, which say the places of their parameters, split by part.

    Before its first step an optimiser is what its groups are.
    """
    rates = PartRates(backbone_lr_factor, decoder_lr_factor, head_lr_factor, layer_decay, decay_norms)
    given = optimiser.param_groups[:]
    optimiser.param_groups.clear()
    for group in given:
        places = group.pop(PLACES, None)
        split = rates != PartRates() and places is not None
        optimiser.param_groups.extend(rates.split(group, places()) if split else [group])
    return optimiser
