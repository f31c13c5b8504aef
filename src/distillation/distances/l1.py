"""Plain absolute difference."""

from torch import Tensor

from src.distillation.distances.base import DISTANCES


@DISTANCES.register()
def l1(adapted: Tensor, teacher: Tensor) -> Tensor:
    """Absolute difference of features (N, C, H, W), mean over batch, channels and pixels."""
    return (adapted - teacher).abs().mean()
