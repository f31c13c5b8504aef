"""One minus the cosine between features."""

from typing import Annotated

from pydantic import Field
from torch import Tensor

from src.distillation.distances.base import DISTANCES, takes_any_precision
from src.distillation.distances.products import channel_products


@DISTANCES.register()
@takes_any_precision
def cosine(
    adapted: Tensor,
    teacher: Tensor,
    eps: Annotated[float, Field(gt=0, description="length below which a feature counts as one of that length")] = 1e-8,
) -> Tensor:
    """One minus the channel-wise cosine of features (N, C, H, W), mean over batch and pixels; in [0, 2].

    A feature shorter than ``eps`` counts as one of that length.
    """
    aa, bb, ab = channel_products(adapted, teacher)
    return (1 - ab * (aa.clamp_min(eps**2) * bb.clamp_min(eps**2)).rsqrt()).mean()
