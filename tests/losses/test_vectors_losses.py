import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from src.losses.vectors import angle_l1, cosine, unit_l1
from tests.losses.references import EVERY, Loss, gradient

LOSSES = [cosine, angle_l1, unit_l1]
each_loss = pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.__name__)


def draw(dtype: torch.dtype = torch.float32, size: int = 6) -> tuple[Tensor, Tensor, Tensor]:
    random = torch.Generator().manual_seed(0)
    target = torch.nn.functional.normalize(torch.randn(3, 3, size, size + 1, generator=random).to(dtype), dim=1)
    prediction = 3 * target + torch.randn(target.shape, generator=random).to(dtype)
    valid = torch.rand(3, size, size + 1, generator=random) < 0.6
    valid[1] = False
    return prediction, target, valid


def reference(loss: Loss) -> float:
    prediction, target, valid = draw()
    a, b = (values.movedim(1, -1)[valid].double().numpy() for values in (prediction, target))
    a, b = (values / np.linalg.norm(values, axis=1, keepdims=True) for values in (a, b))
    dots = (a * b).sum(1)
    return float({cosine: 1 - dots, angle_l1: np.arccos(dots), unit_l1: np.abs(a - b).mean(1)}[loss].mean())


@each_loss
def test_brute_force(loss: Loss) -> None:
    assert float(loss(*draw())) == pytest.approx(reference(loss), rel=1e-5)


@each_loss
@pytest.mark.parametrize("check", EVERY, ids=lambda check: check.__name__)
def test_every(loss: Loss, check: Callable[..., None]) -> None:
    check(loss, *draw())


@each_loss
def test_gradients(loss: Loss) -> None:
    prediction, target, valid = draw(torch.double, 2)
    assert torch.autograd.gradcheck(lambda p: loss(p, target, valid), prediction.requires_grad_())


@each_loss
@pytest.mark.parametrize("factor", [2.0, -2.0, 0.0], ids=["same", "opposite", "zero"])
def test_finite_where_vectors_are_parallel_or_0(loss: Loss, factor: float) -> None:
    _, target, valid = draw()
    value, slopes = gradient(loss, factor * target, target, valid)
    assert value.isfinite()
    assert slopes.isfinite().all()
    if factor > 0:
        assert value == pytest.approx(0, abs=1e-3)
    if factor < 0 and loss is not unit_l1:
        assert value == pytest.approx(math.pi if loss is angle_l1 else 2, abs=1e-3)


@each_loss
def test_two_components(loss: Loss) -> None:
    prediction, target, valid = draw()
    assert loss(prediction[:, :2], target[:, :2], valid) > 0
