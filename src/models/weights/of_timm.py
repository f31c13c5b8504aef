"""What timm knows of its networks: the pictures they take, the names and conversions of their files."""

import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from src.models.input_statistics import IMAGENET, Channels, InputStatistics, read_statistics
from src.models.weights.loading import Convert
from src.models.weights.reading import State

SAME = {"inceptionv4": "inception_v4", "inceptionresnetv2": "inception_resnet_v2"}
"""Encoders of segmentation-models-pytorch that bear another name in timm."""


def statistics_of(name: str) -> InputStatistics:
    """Return the statistics of the pictures that timm's pretrained ``name`` takes; ImageNet's for one unknown to it."""
    import timm

    name = SAME.get(name, name)
    described = timm.get_pretrained_cfg(name) if timm.is_model(name) else None
    return statistics_in(described.to_dict()) if described else IMAGENET


def statistics_in(described: Mapping[str, Any]) -> InputStatistics:
    """Return the statistics that timm's ``pretrained_cfg`` of a network holds; ImageNet's where it holds none."""
    known = {key: described.get(key) for key in ("mean", "std")}
    return read_statistics(known if all(known.values()) else None, "timm's configuration")


def remarks_on(file: Path, name: str, statistics: InputStatistics) -> str:
    """Say what a user should know of a file for the network ``name``: other pictures than ImageNet's, another's name.

    Networks with the same tensors may differ in what no file holds: padding (``tf_``), statistics, activations.
    """
    import timm

    own, named = name.partition(".")[0], file.name.partition(".")[0]
    told = (
        ""
        if statistics == IMAGENET
        else f"; pictures of mean {_listed(statistics.mean)}, deviation {_listed(statistics.std)}"
    )
    if named != own and timm.is_model(named):
        told += f"; BEWARE: the file bears the name of '{named}', which may pad and normalise otherwise than '{own}'"
    return told


def _listed(values: Channels) -> str:
    return " ".join(f"{value:.3g}" for value in values)


def conversion_for(module: nn.Module) -> Convert | None:
    """Return timm's own conversion of files of other names and sizes to a network's, where it has one."""
    networks = [part for part in module.modules() if hasattr(part, "pretrained_cfg")]
    if not networks:
        return None
    network = networks[-1]  # a list of features holds the network that it reads
    convert = getattr(sys.modules[type(network).__module__], "checkpoint_filter_fn", None)
    return partial(_convert, convert, network) if convert else None


def names_of(name: str) -> set[str]:
    """Return the names of all tensors of timm's ``name``, classifier included; none where it cannot be built."""
    import timm

    try:
        with torch.device("meta"):
            return set(timm.create_model(name).state_dict())
    except (RuntimeError, TypeError, ValueError, NotImplementedError):
        return set()


def _convert(convert: Any, network: nn.Module, state: State) -> State:
    """Convert a file's tensors, without the dictionaries in which they lie."""
    outer = next((word for word in ("state_dict.", "model.") if all(name.startswith(word) for name in state)), "")
    converted: State = convert({name.removeprefix(outer): value for name, value in state.items()}, network)
    return converted
