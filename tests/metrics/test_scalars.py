"""Errors of one number per pixel against plain numpy."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from src.metrics.depth import DepthErrors
from src.metrics.scalars import ScalarErrors
from tests.metrics.by_ranks import measure, measure_on_two_ranks

SIGNED = {"absolute_error", "rmse"}


def draw(images: int = 8, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """Heights above and below 0, the second image all below, the third invalid, some predictions not positive."""
    random = torch.Generator().manual_seed(seed)
    target = torch.rand(images, 1, 11, 13, generator=random) * 6 - 1
    target[0, 0, 0, :5] = 0
    target[1] = -target[1].abs()
    prediction = target * (1 + 0.2 * torch.randn(target.shape, generator=random)) + 0.1
    prediction[4, 0, 2, :4] = torch.tensor([0.0, -1.0, 1e-9, 1e-3])
    valid = torch.rand(target.shape, generator=random) < torch.linspace(1, 0.3, images).view(-1, 1, 1, 1)
    valid[2] = False
    return prediction, target, valid


def reference(prediction: Tensor, target: Tensor, valid: Tensor) -> dict[str, float]:
    p, t = (values[valid].double().numpy() for values in (prediction, target))
    above = t > 0
    q, u = p[above], t[above]
    ratio = np.where(q > 0, np.maximum(q / u, u / np.where(q > 0, q, 1)), np.inf)
    spreads = []
    for guess, truth, mask in zip(prediction, target, valid & (target > 0), strict=True):
        if mask.any():
            d = np.log(guess[mask].double().numpy().clip(1e-3)) - np.log(truth[mask].double().numpy())
            spreads.append(np.sqrt((d**2).mean() - d.mean() ** 2))
    return {
        "absolute_error": np.abs(p - t).mean(),
        "rmse": np.sqrt(((p - t) ** 2).mean()),
        "relative_error": (np.abs(q - u) / u).mean(),
        **{f"delta_{k}": (ratio < 1.25**k).mean() for k in (1, 2, 3)},
        "log_rmse": np.sqrt(((np.log(q.clip(1e-3)) - np.log(u)) ** 2).mean()),
        "scale_invariant_log": np.mean(spreads),
    }


@pytest.mark.parametrize("seed", range(3))
def test_brute_force(seed: int) -> None:
    maps = draw(seed=seed)
    assert measure(ScalarErrors(), maps, 3) == pytest.approx(reference(*maps), rel=1e-9)


def test_batch_size_and_ranks_do_not_matter() -> None:
    maps = draw()
    whole = measure(ScalarErrors(), maps, 8)
    for batch in (1, 2, 5):
        assert measure(ScalarErrors(), maps, batch) == pytest.approx(whole, rel=1e-12)
    assert measure_on_two_ranks(ScalarErrors(), ScalarErrors(), maps, 3) == pytest.approx(whole, rel=1e-12)


def test_marked_targets_are_as_good_as_a_mask() -> None:
    prediction, target, valid = draw()
    expected = measure(ScalarErrors(), (prediction, target, valid), 8)
    for mark in (math.nan, math.inf):
        marked = torch.where(valid, target, mark)
        assert measure(ScalarErrors(), (prediction, marked), 8) == expected
        assert measure(ScalarErrors(), (torch.where(valid, prediction, mark), marked, valid), 8) == expected


@pytest.mark.parametrize("batch", [1, 8])
def test_is_depth_errors_where_zero_is_masked(batch: int) -> None:
    prediction, target, valid = draw()
    depth = torch.where(valid, target, 0.0).clamp(min=0)
    expected = measure(DepthErrors(), (prediction, depth), batch)
    values = measure(ScalarErrors(), (prediction, depth, depth > 0), batch)
    assert {key: values[key] for key in expected} == expected


def test_zero_counts_and_what_is_not_positive_has_no_ratio() -> None:
    target = torch.tensor([0.0, -2.0]).view(1, 1, 1, 2)
    values = measure(ScalarErrors(), (target + 1, target), 1)
    assert {key for key, value in values.items() if not math.isnan(value)} == SIGNED
    assert values["absolute_error"] == values["rmse"] == 1


def test_perfect_and_nothing() -> None:
    _, target, valid = draw()
    best = {key: float(key.startswith("delta")) for key in reference(*draw())}
    target = torch.where(target > 0, target.clamp(min=0.01), target)
    assert measure(ScalarErrors(), (target, target, valid), 3) == pytest.approx(best, abs=1e-12)
    nothing = measure(ScalarErrors(), (target, target, torch.zeros_like(valid)), 3)
    assert nothing.keys() == best.keys()
    assert np.isnan(list(nothing.values())).all()


def test_no_common_factor_changes_the_scale_invariant_error() -> None:
    _, target, _ = draw()
    above = target.abs() + 0.1
    values = measure(ScalarErrors(), (3 * above, above), 2)
    assert values["scale_invariant_log"] == pytest.approx(0, abs=1e-6)
    assert values["log_rmse"] == pytest.approx(math.log(3), rel=1e-6)


def test_update_does_not_wait_for_the_device() -> None:
    ScalarErrors().to("meta").update(*(values.to("meta") for values in draw()))
