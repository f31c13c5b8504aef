"""Plain squared Euclidean distance."""

from torch import Tensor

from src.distillation.distances.base import DISTANCES


@DISTANCES.register()
def l2(adapted: Tensor, teacher: Tensor) -> Tensor:
    """Squared difference of features (N, C, H, W), mean over batch, channels and pixels (FitNets, ICLR 2015)."""
    return (adapted - teacher).square().mean()
