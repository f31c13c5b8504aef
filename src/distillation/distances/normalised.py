"""The papers' distance: squared Euclidean between features normalised over channels."""

from typing import Annotated

from pydantic import Field
from torch import Tensor

from src.distillation.distances.base import DISTANCES, takes_any_precision
from src.distillation.distances.products import channel_products


@DISTANCES.register()
@takes_any_precision
def normalised(
    adapted: Tensor,
    teacher: Tensor,
    eps: Annotated[float, Field(gt=0, description="added to the squared length of features")] = 1e-6,
) -> Tensor:
    """Squared distance of channel-normalised features (N, C, H, W), mean over batch and pixels; in [0, 4].

    d = |a/|a| - b/|b||^2 with |a| = sqrt(sum_c a_c^2 + eps) (Li and Bilen 2020). It is computed from the
    three channel sums a.a, b.b and a.b, so no normalised copy of a feature is made.
    """
    aa, bb, ab = channel_products(adapted, teacher)
    distance = aa / (aa + eps) + bb / (bb + eps) - 2 * ab * ((aa + eps) * (bb + eps)).rsqrt()
    return distance.clamp_min(0).mean()
