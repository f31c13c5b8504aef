from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch
from torch import Tensor

from src.losses.classes import cross_entropy, median_frequency_weights
from tests.losses.references import EVERY, Loss

CLASSES = 5
WEIGHTS = torch.tensor([0.5, 1.0, 2.0, 0.0, 3.0])
OPTIONS: list[dict[str, Tensor | float]] = [
    {},
    {"class_weights": WEIGHTS},
    {"label_smoothing": 0.1},
    {"class_weights": WEIGHTS, "label_smoothing": 0.2},
]
each = pytest.mark.parametrize("options", OPTIONS, ids=["plain", "weighted", "smoothed", "both"])


def draw(dtype: torch.dtype = torch.float32, size: int = 6) -> tuple[Tensor, Tensor, Tensor]:
    random = torch.Generator().manual_seed(0)
    target = torch.randint(0, CLASSES, (3, size, size + 1), generator=random)
    logits = (2 * torch.randn(3, CLASSES, size, size + 1, generator=random)).to(dtype)
    valid = torch.rand(target.shape, generator=random) < 0.6
    valid[1] = False
    return logits, target, valid


def reference(logits: Tensor, target: Tensor, valid: Tensor, weights: Tensor, smoothing: float) -> float:
    x, y, w = logits.movedim(1, -1)[valid].double().numpy(), target[valid].numpy(), weights.double().numpy()
    logs = x - np.log(np.exp(x).sum(1, keepdims=True))
    wanted = np.eye(CLASSES)[y] * (1 - smoothing) + smoothing / CLASSES
    return float(-(wanted * w * logs).sum() / w[y].sum())


@each
def test_brute_force(options: dict) -> None:
    expected = reference(*draw(), options.get("class_weights", torch.ones(CLASSES)), options.get("label_smoothing", 0))
    assert float(cross_entropy(*draw(), **options)) == pytest.approx(expected, rel=1e-5)


@each
@pytest.mark.parametrize("check", EVERY[:2], ids=lambda check: check.__name__)
def test_every(options: dict, check: Callable[..., None]) -> None:
    check(partial(cross_entropy, **options), *draw())


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_precision_and_device(device: str) -> None:
    logits, target, valid = (values.to(device) for values in draw())
    loss: Loss = partial(cross_entropy, class_weights=WEIGHTS.to(device), label_smoothing=0.1)
    value = loss(logits.bfloat16(), target, valid)
    assert (value.dtype, value.shape) == (torch.float32, ())


@each
def test_gradients(options: dict) -> None:
    logits, target, valid = draw(torch.double, 2)
    loss = partial(cross_entropy, **options)
    assert torch.autograd.gradcheck(lambda x: loss(x, target, valid), logits.requires_grad_())


def test_only_classes_without_a_weight() -> None:
    logits, target, valid = draw()
    assert float(cross_entropy(logits, torch.full_like(target, 3), valid, WEIGHTS)) == 0


def test_median_frequency_of_images() -> None:
    images = [np.array([0, 0, 0, 1]), np.array([0, 1, 1, 2]), np.array([2, 2, 2, 2])]
    counts = np.stack([np.bincount(image, minlength=4) for image in images])
    pixels, of_images = counts.sum(0), ((counts > 0) * counts.sum(1, keepdims=True)).sum(0)
    frequencies = np.array([4 / 8, 3 / 8, 5 / 8])
    expected = [*np.median(frequencies) / frequencies, 0]
    weights = median_frequency_weights(torch.tensor(pixels), torch.tensor(of_images))
    assert weights.tolist() == pytest.approx(expected)
    assert weights.dtype == torch.float32
    two = median_frequency_weights(torch.tensor([1, 3]), torch.tensor([4, 4]))
    assert two.tolist() == pytest.approx([2, 2 / 3])
    assert median_frequency_weights(torch.zeros(3), torch.zeros(3)).tolist() == [0, 0, 0]
