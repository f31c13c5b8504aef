"""Losses of maps of one number per pixel.

Predictions, targets and bool masks are (N, 1, H, W); each loss is a mean over the valid pixels of the batch, unless it
says otherwise.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional

from src.losses.masked import keep, mean, mean_by_image

SMALLEST = 1e-2
"""Below this value the logarithm goes on as its tangent, in the unit of the target (1 cm for depth in m)."""


def l1(prediction: Tensor, target: Tensor, valid: Tensor) -> Tensor:
    """Compute mean |p - t|."""
    return mean((keep(prediction, valid) - keep(target, valid)).abs(), valid)


def l2(prediction: Tensor, target: Tensor, valid: Tensor) -> Tensor:
    """Compute mean (p - t)^2."""
    return mean((keep(prediction, valid) - keep(target, valid)).square(), valid)


def huber(prediction: Tensor, target: Tensor, valid: Tensor, delta: float = 1.0) -> Tensor:
    """Compute the mean of e^2 / 2 for e = |p - t| up to delta, and of delta (e - delta / 2) above it (Huber 1964).

    Args:
        prediction: (N, 1, H, W).
        target: (N, 1, H, W).
        valid: (N, 1, H, W).
        delta: in the unit of the target, > 0.
    """
    errors = functional.huber_loss(keep(prediction, valid), keep(target, valid), reduction="none", delta=delta)
    return mean(errors, valid)


def log_l1(prediction: Tensor, target: Tensor, valid: Tensor, smallest: float = SMALLEST) -> Tensor:
    """Compute mean |ln p - ln t| over valid pixels with t > 0.

    Below ``smallest`` both logarithms go on as their tangent, so that a prediction of 0 or less is drawn up, with a
    finite gradient, and p = t remains the optimum.
    """
    differences, positive = _log_differences(prediction, target, valid, smallest)
    return mean(differences.abs(), positive)


def scale_invariant(
    prediction: Tensor, target: Tensor, valid: Tensor, share: float = 0.5, smallest: float = SMALLEST
) -> Tensor:
    """Compute the mean over images of mean d^2 - lambda (mean d)^2, d = ln p - ln t (Eigen et al. 2014, equation 4).

    Images without a valid pixel with t > 0 do not count; logarithms are those of ``log_l1``.

    Args:
        prediction: (N, 1, H, W).
        target: (N, 1, H, W).
        valid: (N, 1, H, W).
        share: lambda, from 0, the squared error of logarithms, to 1, which no common factor of p changes.
        smallest: as in ``log_l1``.
    """
    differences, positive = _log_differences(prediction, target, valid, smallest)
    by_image = mean_by_image(differences.square(), positive) - share * mean_by_image(differences, positive).square()
    return mean(by_image, positive.flatten(1).any(1))


def _log_differences(prediction: Tensor, target: Tensor, valid: Tensor, smallest: float) -> tuple[Tensor, Tensor]:
    """Return ln p - ln t, 0 where it does not count, and where it does."""
    positive = valid & (target > 0)
    guess, truth = keep(prediction, positive, 1.0), keep(target, positive, 1.0)
    return _log(guess, smallest) - _log(truth, smallest), positive


def _log(values: Tensor, smallest: float) -> Tensor:
    tangent = math.log(smallest) + (values - smallest) / smallest
    return torch.where(values < smallest, tangent, values.clamp(min=smallest).log())
