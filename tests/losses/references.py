"""What every loss must hold, whatever its kind."""

from collections.abc import Callable

import torch
from torch import Tensor

Loss = Callable[[Tensor, Tensor, Tensor], Tensor]


def gradient(loss: Loss, prediction: Tensor, target: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
    leaf = prediction.detach().clone().requires_grad_()
    value = loss(leaf, target, valid)
    value.backward()
    assert leaf.grad is not None
    return value.detach(), leaf.grad


def check_invalid_pixels(loss: Loss, prediction: Tensor, target: Tensor, valid: Tensor) -> None:
    """Whatever is at invalid pixels changes neither the value nor any gradient, and their own is exactly 0.

    Args:
        loss: of a prediction, a target and a mask.
        prediction: (N, C, H, W).
        target: (N, ...).
        valid: (N, 1, H, W) or (N, H, W); not everywhere.
    """
    over_channels = valid.view(len(valid), 1, *valid.shape[-2:])
    expected, slopes = gradient(loss, prediction, target, valid)
    spoilt_prediction = torch.where(over_channels, prediction, torch.nan)
    whole = not target.is_floating_point()
    here = valid if whole or valid.shape == target.shape else over_channels
    spoilt_target = torch.where(here, target, -1 if whole else torch.nan)
    for guess in (prediction, spoilt_prediction):
        value, new_slopes = gradient(loss, guess, spoilt_target, valid)
        assert torch.equal(value, expected)
        assert torch.equal(new_slopes, slopes)
    assert not over_channels.all()
    assert (slopes.masked_select(~over_channels) == 0).all()
    assert (slopes.masked_select(over_channels) != 0).any()


def check_nothing_valid(loss: Loss, prediction: Tensor, target: Tensor, valid: Tensor) -> None:
    value, slopes = gradient(loss, prediction, target, torch.zeros_like(valid))
    assert value == 0
    assert (slopes == 0).all()


def check_precision_and_device(loss: Loss, prediction: Tensor, target: Tensor, valid: Tensor) -> None:
    """float32 whatever the prediction's type, and nothing that waits for a device: ``meta`` has no values."""
    assert loss(prediction.bfloat16(), target, valid).dtype == torch.float32
    assert loss(prediction.to("meta"), target.to("meta"), valid.to("meta")).shape == ()


EVERY = [check_invalid_pixels, check_nothing_valid, check_precision_and_device]
