"""One minus the cosine between features."""

from torch import Tensor
from torch.nn import functional


def cosine(adapted: Tensor, teacher: Tensor) -> Tensor:
    """One minus the channel-wise cosine of features (N, C, H, W), mean over batch and pixels; in [0, 2]."""
    return (1 - functional.cosine_similarity(adapted, teacher, dim=1)).mean()
