"""Losses of classes, and weights that balance them."""

import torch
from torch import Tensor
from torch.nn import functional

from src.losses.masked import keep


def cross_entropy(
    logits: Tensor,
    target: Tensor,
    valid: Tensor,
    class_weights: Tensor | None = None,
    label_smoothing: float = 0.0,
) -> Tensor:
    """Compute the mean of -sum_c q_c w_c ln softmax(x)_c over valid pixels, weighted by w of the target.

    q is 1 - e at the target's class, plus e / classes at each (Szegedy et al. 2016); it is what
    ``torch.nn.functional.cross_entropy`` computes, and 0 where that has nothing to divide by.

    Args:
        logits: (N, classes, H, W).
        target: int64 (N, H, W), in [0, classes) at valid pixels.
        valid: bool (N, H, W).
        class_weights: w (classes), on the device of the logits; 1 each where left out.
        label_smoothing: e, in [0, 1].
    """
    scores = keep(logits, valid.unsqueeze(1))
    classes = torch.where(valid, target, -1)
    weights = None if class_weights is None else class_weights.to(scores.dtype)
    total = functional.cross_entropy(
        scores, classes, weights, ignore_index=-1, reduction="sum", label_smoothing=label_smoothing
    )
    if weights is None:
        return total / valid.sum().clamp(min=1)
    weight = torch.where(valid, weights[classes.clamp(min=0)], 0.0).sum()
    return total / torch.where(weight > 0, weight, 1.0)


def median_frequency_weights(pixels: Tensor, pixels_of_images: Tensor) -> Tensor:
    """Weigh class c by median frequency / frequency of c (Eigen and Fergus 2015, arXiv 1411.4734, section 4.3).

    Args:
        pixels: how many pixels of the set are of each class (classes).
        pixels_of_images: how many labelled pixels the images that contain the class have (classes).

    Returns:
        float32 (classes); 0 for classes without a pixel, which the median leaves out.
    """
    counts, labelled = pixels.cpu().double(), pixels_of_images.cpu()
    frequency, present = counts / labelled, counts > 0
    # the mean of the two middle ones of an even number
    median = frequency[present].quantile(0.5) if present.any() else frequency.new_zeros(())
    return torch.where(present, median / frequency, 0.0).float().to(pixels.device)
