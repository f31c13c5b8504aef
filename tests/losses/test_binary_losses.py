from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch
from torch import Tensor

from src.losses.binary import balanced_bce, weighted_bce
from tests.losses.references import EVERY, Loss, gradient

LOSSES = [weighted_bce, partial(weighted_bce, positive_weight=0.95), balanced_bce]
each_loss = pytest.mark.parametrize("loss", LOSSES, ids=["plain", "fixed", "balanced"])


def draw(dtype: torch.dtype = torch.float32, size: int = 6) -> tuple[Tensor, Tensor, Tensor]:
    random = torch.Generator().manual_seed(0)
    target = (torch.rand(3, 1, size, size + 1, generator=random) < 0.3).to(dtype)
    logits = (3 * torch.randn(target.shape, generator=random)).to(dtype)
    valid = torch.rand(target.shape, generator=random) < 0.6
    valid[1] = False
    return logits, target, valid


def reference(logits: Tensor, target: Tensor, valid: Tensor, weight: float | None) -> float:
    x, y = (values[valid].double().numpy() for values in (logits, target))
    w = 1 - y.mean() if weight is None else weight
    share = 1 / (1 + np.exp(-x))
    return float(-(w * y * np.log(share) + (1 - w) * (1 - y) * np.log(1 - share)).mean())


@pytest.mark.parametrize(("loss", "weight"), zip(LOSSES, [0.5, 0.95, None], strict=True))
def test_brute_force(loss: Loss, weight: float | None) -> None:
    assert float(loss(*draw())) == pytest.approx(reference(*draw(), weight), rel=1e-5)


@each_loss
@pytest.mark.parametrize("check", EVERY, ids=lambda check: check.__name__)
def test_every(loss: Loss, check: Callable[..., None]) -> None:
    check(loss, *draw())


@each_loss
def test_gradients(loss: Loss) -> None:
    logits, target, valid = draw(torch.double, 2)
    assert torch.autograd.gradcheck(lambda x: loss(x, target, valid), logits.requires_grad_())


@each_loss
def test_large_logits(loss: Loss) -> None:
    _, target, valid = draw()
    right, _ = gradient(loss, 200 * (2 * target - 1), target, valid)
    wrong, slopes = gradient(loss, -200 * (2 * target - 1), target, valid)
    assert right == pytest.approx(0, abs=1e-6)
    assert wrong.isfinite()
    assert slopes.isfinite().all()


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_balance_of_one_class_only(value: float) -> None:
    logits, target, valid = draw()
    # only what there is counts, with the weight that the share of what there is not gives it: 0
    assert float(balanced_bce(logits, torch.full_like(target, value), valid)) == 0
