"""How alike two features are, and how far vectors agree."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

MOST_PIXELS = 4096


def channel_cosine(one: Tensor, other: Tensor) -> Tensor:
    """Average over pixels the cosine over channels of two features (N, C, H, W)."""
    return functional.cosine_similarity(one.float(), other.float(), dim=1).mean()


def linear_cka(one: Tensor, other: Tensor) -> Tensor:
    """Compute the linear CKA of samples (n, p) and (n, q), in [0, 1]; NaN where either is constant.

    CKA = |Y'X|^2 / (|X'X| |Y'Y|) with centred columns and Frobenius norms: nothing of size n x n is made
    (Kornblith et al., ICML 2019, arXiv 1905.00414).
    """
    x, y = (samples - samples.mean(0) for samples in (one, other))
    return (y.T @ x).square().sum() / ((x.T @ x).norm() * (y.T @ y).norm())


def feature_cka(one: Tensor, other: Tensor, most: int = MOST_PIXELS) -> float:
    """Compute the linear CKA of features (N, C, H, W) whose samples are pixels, at most ``most`` in even steps.

    The larger feature is resampled to the height and width of the smaller.
    """
    size = min(one.shape[-2:], other.shape[-2:], key=lambda s: s[0] * s[1])
    # float64 on the processor: not every accelerator has it, and sums of products of large features need it
    x, y = (_pixels(_resampled(feature.detach().float(), size), most).cpu().double() for feature in (one, other))
    return float(linear_cka(x, y))


def cosines(vectors: Tensor) -> Tensor:
    """Compute the cosine of every pair of vectors (T, P): (T, T); NaN where one of them is zero."""
    products = vectors @ vectors.T
    norms = products.diagonal().sqrt()
    return (products / torch.outer(norms, norms)).clamp(-1, 1)


def _resampled(feature: Tensor, size: Sequence[int]) -> Tensor:
    if feature.shape[-2:] == size:
        return feature
    return functional.interpolate(feature, list(size), mode="bilinear", align_corners=False, antialias=True)


def _pixels(feature: Tensor, most: int) -> Tensor:
    pixels = feature.permute(0, 2, 3, 1).flatten(0, 2)
    return pixels[:: -(-len(pixels) // most)]
