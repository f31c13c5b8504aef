"""Stochastic depth: a residual block is left out for an image with some probability while a network trains."""

from torch import nn

from src.foundation.errors import UserError
from src.models.base import Trunk
from src.models.stages import backbone_of

PLACES = ("drop_path", "drop_path1", "drop_path2")
"""What timm's residual blocks, and those of segmentation-models-pytorch, call the layers where it acts."""


def add_drop_path(trunk: Trunk, rate: float) -> None:
    """Let the blocks of the backbone be left out with probabilities that rise evenly from 0 to ``rate`` at the last.

    Huang et al., "Deep Networks with Stochastic Depth" (ECCV 2016).

    Raises:
        UserError: a backbone without such blocks.
    """
    from timm.layers import DropPath  # takes seconds, and only networks of timm and smp have such blocks

    modules = backbone_of(trunk, "model.drop_path").modules()
    blocks = [(block, found) for block in modules if (found := [name for name in PLACES if hasattr(block, name)])]
    if not blocks:
        raise UserError(
            f"model.drop_path={rate:g} would change nothing",
            "the backbone of this network has no residual blocks that can be left out",
            "model.drop_path=0, or an encoder such as tu-convnext_tiny",
        )
    for number, (block, names) in enumerate(blocks):
        probability = rate * number / max(len(blocks) - 1, 1)
        for name in names:
            setattr(block, name, DropPath(probability) if probability else nn.Identity())
