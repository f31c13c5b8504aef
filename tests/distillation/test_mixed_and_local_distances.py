"""Distances of several terms and of neighbourhoods, against brute force in numpy."""

import numpy as np
import pytest
import torch
from torch import Tensor

from src.app.conf import option
from src.distillation.distances.base import DISTANCES
from src.distillation.distances.cosine import cosine
from src.distillation.distances.cosine_smooth_l1 import cosine_smooth_l1
from src.distillation.distances.local_similarity import local_similarity
from src.foundation.errors import UserError


def pair(seed: int = 0, scale: float = 1.0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    adapted, teacher = (torch.randn(2, 5, 4, 6, generator=generator) * scale for _ in range(2))
    return adapted, teacher


def brute_cosine_smooth_l1(a: np.ndarray, b: np.ndarray, share: float, beta: float) -> float:
    terms = []
    for n, y, x in np.ndindex(a.shape[0], *a.shape[2:]):
        u, v = a[n, :, y, x], b[n, :, y, x]
        apart = [abs(d) - beta / 2 if abs(d) >= beta else d * d / (2 * beta) for d in u - v]
        terms.append(share * (1 - u @ v / np.sqrt((u @ u) * (v @ v))) + (1 - share) * np.mean(apart))
    return float(np.mean(terms))


def brute_local_similarity(a: np.ndarray, b: np.ndarray, side: int, tau: float) -> float:
    terms, (height, width), reach = [], a.shape[2:], side // 2
    for n, y, x in np.ndindex(a.shape[0], height, width):
        around = [
            (v, u)
            for v in range(max(0, y - reach), min(height, y + reach + 1))
            for u in range(max(0, x - reach), min(width, x + reach + 1))
            if (v, u) != (y, x)
        ]
        shares = []
        for f in (a, b):
            centre = f[n, :, y, x] / np.linalg.norm(f[n, :, y, x])
            e = np.exp([centre @ f[n, :, v, u] / np.linalg.norm(f[n, :, v, u]) / tau for v, u in around])
            shares.append(e / e.sum())
        q, p = shares
        terms.append(float((p * np.log(p / q)).sum()))
    return float(np.mean(terms))


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("scale", [0.3, 4.0])
class TestAgainstBruteForce:
    @pytest.mark.parametrize(("share", "beta"), [(0.5, 1.0), (0.9, 1.0), (0.0, 0.5), (1.0, 2.0)])
    def test_cosine_smooth_l1(self, seed: int, scale: float, share: float, beta: float) -> None:
        adapted, teacher = pair(seed, scale)
        expected = brute_cosine_smooth_l1(adapted.double().numpy(), teacher.double().numpy(), share, beta)
        assert cosine_smooth_l1(adapted, teacher, share, beta).item() == pytest.approx(expected, rel=1e-5)

    @pytest.mark.parametrize(("side", "tau"), [(3, 0.1), (3, 1.0), (5, 0.2), (7, 0.5)])
    def test_local_similarity(self, seed: int, scale: float, side: int, tau: float) -> None:
        adapted, teacher = pair(seed, scale)
        expected = brute_local_similarity(adapted.double().numpy(), teacher.double().numpy(), side, tau)
        assert local_similarity(adapted, teacher, side, tau).item() == pytest.approx(expected, rel=1e-4)


def test_the_usual_values_are_the_papers() -> None:
    a, b = pair()
    usual = DISTANCES.bind(option("distance", "cosine_smooth_l1"))(a, b).item()
    assert usual == pytest.approx(brute_cosine_smooth_l1(a.double().numpy(), b.double().numpy(), 0.5, 1.0), rel=1e-5)
    assert cosine_smooth_l1(a, b, 1.0).item() == pytest.approx(cosine(a, b).item(), rel=1e-6)


def test_local_similarity_looks_at_neighbours_only_and_ignores_scale_and_rotation() -> None:
    adapted, teacher = pair()
    expected = local_similarity(adapted, teacher).item()
    turned = torch.einsum("oc,nchw->nohw", torch.linalg.qr(torch.randn(5, 5))[0], adapted) * 7
    assert local_similarity(turned, teacher).item() == pytest.approx(expected, rel=1e-4)
    far = adapted.clone()
    far[..., 5] = 9  # columns 0 to 3 have no neighbour there
    a, b = (side.requires_grad_() for side in (adapted[..., :4].clone(), adapted[..., :4].clone()))
    assert local_similarity(a, b).item() == pytest.approx(0, abs=1e-6)
    assert local_similarity(far, adapted).item() > 1e-3
    wide, narrow = torch.cat([adapted, adapted], 1), adapted
    assert local_similarity(wide, narrow).item() == pytest.approx(0, abs=1e-6)


def test_a_location_without_neighbours_adds_nothing() -> None:
    adapted, teacher = (side[..., :1, :1].clone().requires_grad_() for side in pair())
    value = local_similarity(adapted, teacher)
    value.backward()
    assert value.item() == 0
    assert torch.isfinite(adapted.grad).all()


@pytest.mark.parametrize(
    ("name", "option", "value"),
    [
        ("cosine_smooth_l1", "cosine_share", 1.5),
        ("cosine_smooth_l1", "beta", 0.0),
        ("local_similarity", "temperature", 0.0),
        ("local_similarity", "neighbourhood", 1),
        ("local_similarity", "neighbourhood", 4),
    ],
)
def test_what_makes_no_sense_is_refused(name: str, option: str, value: float) -> None:
    with pytest.raises(UserError, match=rf"distance\.{option}={value}"):
        DISTANCES.bind({"_target_": name, option: value})
