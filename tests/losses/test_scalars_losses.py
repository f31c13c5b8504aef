import math
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch
from torch import Tensor

from src.losses import scalars
from tests.losses.references import EVERY, Loss, gradient

Maps = tuple[Tensor, Tensor, Tensor]


def draw(dtype: torch.dtype = torch.float32, size: int = 6) -> Maps:
    """Heights of both signs; the second image has no positive target, the third no valid pixel."""
    random = torch.Generator().manual_seed(0)
    target = (torch.rand(4, 1, size, size + 1, generator=random) * 5 - 1).to(dtype)
    target[1] = -target[1].abs()
    prediction = target + 0.5 * torch.randn(target.shape, generator=random).to(dtype)
    valid = torch.rand(target.shape, generator=random) < 0.6
    valid[2] = False
    return prediction, target, valid


def log(p: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(p < 0.01, math.log(0.01) + (p - 0.01) / 0.01, np.log(p))


def reference_scale_invariant(prediction: Tensor, target: Tensor, valid: Tensor, share: float) -> float:
    values = []
    for guess, truth, mask in zip(prediction, target, valid & (target > 0), strict=True):
        if mask.any():
            d = log(guess[mask].double().numpy()) - log(truth[mask].double().numpy())
            values.append((d**2).mean() - share * d.mean() ** 2)
    return float(np.mean(values))


def huber(p: np.ndarray, t: np.ndarray) -> np.ndarray:
    e = np.abs(p - t)
    return np.where(e <= 0.4, e**2 / 2, 0.4 * (e - 0.2))


BY_PIXEL: dict[Loss, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    scalars.l1: lambda p, t: np.abs(p - t),
    scalars.l2: lambda p, t: (p - t) ** 2,
    partial(scalars.huber, delta=0.4): huber,
    scalars.log_l1: lambda p, t: np.abs(log(p[t > 0]) - log(t[t > 0])),
}
LOSSES = [*BY_PIXEL, scalars.scale_invariant, partial(scalars.scale_invariant, share=1.0)]
each_loss = pytest.mark.parametrize("loss", LOSSES, ids=["l1", "l2", "huber", "log_l1", "scale_half", "scale_whole"])


@pytest.mark.parametrize("loss", BY_PIXEL, ids=["l1", "l2", "huber", "log_l1"])
def test_mean_over_pixels(loss: Loss) -> None:
    prediction, target, valid = draw()
    p, t = (values[valid].double().numpy() for values in (prediction, target))
    assert float(loss(prediction, target, valid)) == pytest.approx(BY_PIXEL[loss](p, t).mean(), rel=1e-5)


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_scale_invariant_is_a_mean_over_images(share: float) -> None:
    value = scalars.scale_invariant(*draw(), share=share)
    assert float(value) == pytest.approx(reference_scale_invariant(*draw(), share), rel=1e-5)


def test_no_common_factor_matters_at_lambda_1() -> None:
    _, target, valid = draw()
    above = target.abs() + 0.1
    assert float(scalars.scale_invariant(3 * above, above, valid, share=1)) == pytest.approx(0, abs=1e-6)
    assert float(scalars.scale_invariant(3 * above, above, valid)) == pytest.approx(math.log(3) ** 2 / 2, rel=1e-5)


@each_loss
@pytest.mark.parametrize("check", EVERY, ids=lambda check: check.__name__)
def test_every(loss: Loss, check: Callable[..., None]) -> None:
    check(loss, *draw())


@each_loss
def test_gradients(loss: Loss) -> None:
    prediction, target, valid = draw(torch.double, 2)
    assert torch.autograd.gradcheck(lambda p: loss(p, target, valid), prediction.requires_grad_())


@each_loss
def test_perfect_is_0(loss: Loss) -> None:
    _, target, valid = draw()
    target[0, 0, 0, :2] = torch.tensor([1e-3, 1e-30])
    value, slopes = gradient(loss, target, target, valid)
    assert value == 0
    assert slopes.isfinite().all()


@pytest.mark.parametrize("loss", [scalars.log_l1, scalars.scale_invariant], ids=["log_l1", "scale_invariant"])
def test_predictions_of_0_or_less_are_drawn_up(loss: Loss) -> None:
    target = torch.ones(1, 1, 1, 3)
    _, slopes = gradient(loss, torch.tensor([-5.0, 0.0, 1e-30]).view(1, 1, 1, 3), target, target > 0)
    assert slopes.isfinite().all()
    assert slopes.sum() < 0
    assert slopes[..., 0] < 0
