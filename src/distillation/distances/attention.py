"""Attention transfer: where a feature is active over all its channels."""

from torch import Tensor
from torch.nn import functional

from src.distillation.distances.base import DISTANCES


@DISTANCES.register()
def attention(adapted: Tensor, teacher: Tensor) -> Tensor:
    """Squared distance of attention maps of features (N, C, H, W), summed over pixels, mean over batch; in [0, 2].

    A map is the mean of squares over channels, L2-normalised over the image's pixels (Zagoruyko and Komodakis,
    "Paying More Attention to Attention", ICLR 2017); so the two sides may differ in channels.
    """
    ours, theirs = (functional.normalize(side.square().mean(1).flatten(1)) for side in (adapted, teacher))
    return (ours - theirs).square().sum(1).mean()
