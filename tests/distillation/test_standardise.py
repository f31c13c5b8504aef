"""Standardised teacher features: against numpy over all data at once, and the properties that PHI-S promises."""

import copy

import numpy as np
import pytest
import torch
from torch import Tensor

from src.distillation.standardise import STANDARDISERS, PerChannel, PhiS, Standardiser

WIDTHS = (1, 2, 3, 5, 8, 12, 48, 64, 96)
BOTH = pytest.mark.parametrize("name", sorted(STANDARDISERS))


def correlated(channels: int, seed: int = 0) -> Tensor:
    """Features (6, C, 8, 9) with a steep spectrum, correlated channels and means far from 0."""
    draw = np.random.default_rng(seed)
    mixing = draw.normal(size=(channels, channels)) * np.logspace(0, -2, channels)
    pixels = np.einsum("oc,nchw->nohw", mixing, draw.normal(size=(6, channels, 8, 9)))
    return torch.from_numpy(pixels + 3 * draw.normal(size=(channels, 1, 1))).float()


def closed(standardiser: Standardiser, feature: Tensor, sizes: tuple[int, ...] = (6,)) -> Standardiser:
    for part in feature.split(list(sizes)):
        standardiser.observe(part)
    standardiser.close()
    return standardiser


def pixels_of(feature: Tensor) -> np.ndarray:
    """Lay out (N, C, H, W) as (pixels, C) in float64."""
    return feature.double().permute(0, 2, 3, 1).flatten(0, 2).numpy()


@BOTH
@pytest.mark.parametrize("channels", WIDTHS)
def test_zero_mean_and_unit_variance_over_what_was_observed(name: str, channels: int) -> None:
    feature = correlated(channels)
    standardised = pixels_of(closed(STANDARDISERS[name](channels), feature)(feature))
    np.testing.assert_allclose(standardised.mean(0), 0, atol=1e-4)
    np.testing.assert_allclose(standardised.var(0), 1, rtol=1e-4)


@pytest.mark.parametrize("sizes", [(6,), (1, 1, 1, 1, 1, 1), (4, 2), (1, 5)])
def test_per_channel_equals_numpy_whatever_the_batches(sizes: tuple[int, ...]) -> None:
    feature = correlated(5) + torch.arange(6.0)[:, None, None, None]  # batches lie apart
    pixels = pixels_of(feature)
    expected = (pixels - pixels.mean(0)) / pixels.std(0)
    got = pixels_of(closed(PerChannel(5), feature, sizes)(feature))
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("sizes", [(1, 1, 1, 1, 1, 1), (4, 2), (1, 5)])
def test_phi_s_sees_the_covariance_of_all_batches_at_once(sizes: tuple[int, ...]) -> None:
    """Channels of variance 1 that are standardised by a covariance of parts alone would not have it."""
    feature = correlated(12)
    feature += torch.arange(6.0)[:, None, None, None] * torch.linspace(-1, 1, 12)[:, None, None]  # batches lie apart
    standardiser = closed(PhiS(12), feature, sizes)
    state, pixels = standardiser.state_dict(), pixels_of(feature)
    np.testing.assert_allclose(state["mean"], pixels.mean(0), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(state["phi"], np.sqrt(pixels.var(0).mean()), rtol=1e-5)
    np.testing.assert_allclose(pixels_of(standardiser(feature)).var(0), 1, rtol=1e-4)


@pytest.mark.parametrize("channels", [8, 12])
def test_phi_s_is_the_papers_formula(channels: int) -> None:
    """U^T x has diagonal covariance, so H is what is left of the map, and its entries spread each eigenvalue."""
    feature = correlated(channels)
    pixels = pixels_of(feature)
    eigenvalues, eigenvectors = np.linalg.eigh(np.cov(pixels.T, bias=True))
    phi = np.sqrt(eigenvalues.mean())
    made = closed(PhiS(channels), feature).state_dict()["matrix"][:, :, 0, 0].double().numpy()
    h = phi * made @ eigenvectors
    np.testing.assert_allclose(h @ h.T, np.eye(channels), atol=1e-5)
    np.testing.assert_allclose((h**2) @ eigenvalues, phi**2, rtol=1e-4)
    if channels == 8:
        np.testing.assert_allclose(abs(h), 8**-0.5, atol=1e-4)


@pytest.mark.parametrize("channels", WIDTHS)
def test_phi_s_scales_all_distances_by_one_factor(channels: int) -> None:
    standardiser = closed(PhiS(channels), correlated(channels))
    never_seen = correlated(channels, seed=1)
    phi = np.sqrt(pixels_of(correlated(channels)).var(0).mean())
    before, after = pixels_of(never_seen), pixels_of(standardiser(never_seen))
    distances = [np.linalg.norm(x[:100] - x[100:200], axis=1) for x in (before, after)]
    np.testing.assert_allclose(distances[1], distances[0] / phi, rtol=1e-3)


@BOTH
@pytest.mark.parametrize("channels", WIDTHS)
def test_the_inverse_gives_the_feature_back(name: str, channels: int) -> None:
    standardiser = closed(STANDARDISERS[name](channels), correlated(channels))
    feature = correlated(channels, seed=1)
    torch.testing.assert_close(standardiser.inverse(standardiser(feature)), feature, rtol=1e-3, atol=1e-3)


def test_a_large_offset_costs_no_precision() -> None:
    """Sums of squares, instead of merged deviations, in float32 would leave nothing of this variance."""
    feature = torch.randn(6, 4, 8, 9, generator=torch.Generator().manual_seed(0)) + 4096
    for name in STANDARDISERS:
        standardised = pixels_of(closed(STANDARDISERS[name](4), feature, (1, 2, 3))(feature))
        np.testing.assert_allclose(standardised.var(0), 1, rtol=1e-3)


@BOTH
@pytest.mark.parametrize("channels", [12, 16])
def test_dead_channels_and_few_pixels_stay_finite(name: str, channels: int) -> None:
    feature = correlated(channels)[:1, :, :2, :2].clone()
    feature[:, 3] = 0.1
    feature[:, 5] = 0
    standardiser = closed(STANDARDISERS[name](channels), feature, (1,))
    standardised = standardiser(feature)
    assert standardised.isfinite().all()
    assert standardised.abs().max() < 10
    torch.testing.assert_close(standardiser.inverse(standardised), feature, rtol=1e-3, atol=1e-3)


def test_a_dead_channel_stays_zero_and_its_inverse_is_its_mean() -> None:
    feature = correlated(4)
    feature[:, 2] = 0.1
    standardiser = closed(PerChannel(4), feature)
    elsewhere = correlated(4, seed=1)
    assert not standardiser(elsewhere)[:, 2].any()
    torch.testing.assert_close(standardiser.inverse(elsewhere)[:, 2], torch.full((6, 8, 9), 0.1))


@BOTH
def test_a_constant_feature_stays_zero_and_its_inverse_is_its_mean(name: str) -> None:
    feature = torch.tensor([0.1, 0.0, -7.3]).reshape(1, 3, 1, 1).expand(2, 3, 4, 5)
    standardiser = closed(STANDARDISERS[name](3), feature, (1, 1))
    assert not standardiser(feature).any()
    torch.testing.assert_close(standardiser.inverse(torch.ones(2, 3, 4, 5)), feature)


@BOTH
def test_the_state_makes_another_one_ready(name: str) -> None:
    feature = correlated(12)
    one, other = closed(STANDARDISERS[name](12), feature), STANDARDISERS[name](12)
    assert not other.ready
    other.load_state_dict(copy.deepcopy(one.state_dict()))
    assert other.ready
    assert torch.equal(other(feature), one(feature))


@BOTH
def test_only_what_closing_leaves_is_in_the_state(name: str) -> None:
    standardiser = STANDARDISERS[name](12)
    before = {key: value.clone() for key, value in standardiser.state_dict().items()}
    standardiser.observe(correlated(12))
    assert all(torch.equal(value, before[key]) for key, value in standardiser.state_dict().items())
    standardiser.close()
    assert standardiser.state_dict().keys() == before.keys()
    assert {value.dtype for value in standardiser.state_dict().values()} == {torch.float32, torch.bool}
    assert not list(standardiser.parameters())
    with pytest.raises(ValueError, match="before it has observed"):
        standardiser.close()  # what was accumulated is gone


@BOTH
def test_channels_last_features_stay_so(name: str) -> None:
    feature = correlated(12)
    standardiser = closed(STANDARDISERS[name](12), feature.to(memory_format=torch.channels_last))
    given = standardiser(feature.to(memory_format=torch.channels_last))
    assert given.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(given, closed(STANDARDISERS[name](12), feature)(feature), rtol=1e-4, atol=1e-4)


@BOTH
def test_closing_needs_finite_observations(name: str) -> None:
    standardiser = STANDARDISERS[name](2)
    with pytest.raises(ValueError, match="before it has observed"):
        standardiser.close()
    standardiser.observe(torch.full((1, 2, 3, 3), float("nan")))
    with pytest.raises(ValueError, match="not finite"):
        standardiser.close()
    assert not standardiser.ready
