"""Parts of a network that are not trained."""

from torch import nn

from src.foundation.errors import UserError
from src.models.base import MultiTaskNetwork
from src.models.stages import backbone_of, stages

BACKBONE = "backbone"


def freeze(network: MultiTaskNetwork, what: str) -> None:
    """Take what ``what`` names out of training: no gradient, and eval mode whatever mode the network is in.

    Args:
        network: the network.
        what: ``backbone``, or ``stages:N`` for what computes the first N levels of the backbone.

    Raises:
        UserError: a network without a backbone, or with fewer stages.
    """
    backbone = backbone_of(network.trunk, f"model.freeze={what}")
    parameters = list(backbone.parameters())
    if what != BACKBONE:
        count, known = int(what.partition(":")[2]), stages(network.trunk)
        if count > len(known):
            raise UserError(
                f"model.freeze={what} is more than there is",
                f"the backbone of this network has {len(known)} stages",
                "model.freeze=backbone",
            )
        parameters = [parameter for stage in known[:count] for parameter in stage]
    for parameter in parameters:
        parameter.requires_grad_(False)
    keep_in_eval(network, without_training(backbone))


def keep_in_eval(network: MultiTaskNetwork, parts: list[nn.Module]) -> None:
    """Let ``parts`` of ``network``, and no others, stay in eval mode."""
    network.frozen = parts
    network.train(network.training)


def without_training(module: nn.Module) -> list[nn.Module]:
    """List the largest parts of ``module``, itself included, that have parameters and train none of them."""
    parameters = list(module.parameters())
    if parameters and not any(parameter.requires_grad for parameter in parameters):
        return [module]
    return [part for child in module.children() for part in without_training(child)]
