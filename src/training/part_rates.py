"""Learning rates and weight decay of a network's own parts: backbone, layer by layer, decoder and heads."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import nn

from src.models.base import MultiTaskNetwork
from src.models.stages import backbone_of, layers

BACKBONE, DECODER, HEADS = "backbone", "decoder", "heads"
ParameterGroup = dict[str, Any]


@dataclass(frozen=True)
class Place:
    """Where in its network a parameter is.

    Args:
        part: ``backbone``, ``decoder`` (the rest of the trunk) or ``heads``.
        height: layers between a parameter of the backbone and what follows the backbone: 1 for its last layer.
        decays: whether weight decay is meant for it: neither a bias nor a norm's, nor what the network itself exempts.
    """

    part: str
    height: int = 0
    decays: bool = True


@dataclass(frozen=True)
class PartRates:
    """Factors on the learning rate, and whether all parameters are decayed.

    Layers of the backbone have the factor ``layer_decay`` to the power of their height (BEiT, arXiv 2106.08254;
    MAE, arXiv 2111.06377), on top of the backbone's own.
    """

    backbone: float = 1.0
    decoder: float = 1.0
    heads: float = 1.0
    layer_decay: float = 1.0
    decay_norms: bool = True

    def factor(self, place: Place) -> float:
        """Return the factor on the learning rate of what is at ``place``."""
        own = {BACKBONE: self.backbone, DECODER: self.decoder, HEADS: self.heads}
        return float(own[place.part] * self.layer_decay**place.height)

    def split(self, group: Mapping[str, Any], places: Sequence[Place]) -> list[ParameterGroup]:
        """Split an optimiser's group, whose parameters are at ``places``, into named ones of one rate and decay each.

        The names are <group>/<part>, with the number of the layer, counted from the image, under layer decay, and
        ``/undecayed`` for what is exempt from weight decay.
        """
        tallest = max((place.height for place in places), default=0)
        found: dict[str, ParameterGroup] = {}
        for parameter, place in zip(group["params"], places, strict=True):
            name = f"{group['name']}/{place.part}"
            if self.layer_decay != 1 and place.part == BACKBONE:
                name += f"/{tallest - place.height + 1:02d}"
            undecayed = not (self.decay_norms or place.decays)
            settings = {"lr": group["lr"] * self.factor(place)} | ({"weight_decay": 0.0} if undecayed else {})
            name += "/undecayed" if undecayed else ""
            found.setdefault(name, {**group, "name": name, "params": [], **settings})["params"].append(parameter)
        return [found[name] for name in sorted(found)]


def places_of(network: MultiTaskNetwork) -> dict[int, Place]:
    """Return the places of a network's parameters, by their ids; raises UserError where it has no backbone."""
    backbone = backbone_of(network.trunk, "a learning rate of a part")
    groups = layers(network.trunk)
    heights = {id(p): len(groups) - number for number, group in enumerate(groups) for p in group}
    exempt = _exempt(backbone)
    of_trunk = set(map(id, network.trunk.parameters()))
    places = {}
    for parameter in network.parameters():
        key = id(parameter)
        part = BACKBONE if key in heights else DECODER if key in of_trunk else HEADS
        places[key] = Place(part, heights.get(key, 0), parameter.ndim > 1 and key not in exempt)
    return places


def _exempt(backbone: nn.Module) -> set[int]:
    """Return the ids of the parameters that timm's networks exempt from weight decay, such as embeddings."""
    found: set[int] = set()
    for module in backbone.modules():
        exempt: Any = getattr(module, "no_weight_decay", set)
        own = dict(module.named_parameters())
        found |= {id(own[name]) for name in exempt() if name in own}
    return found
