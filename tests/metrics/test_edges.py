"""Edge scores against exhaustive matching and a plain restatement of the benchmark's sums."""

from itertools import product
from math import hypot

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import Tensor

from src.metrics.edge_matching import EdgeMatcher
from src.metrics.edges import EdgeScores
from src.metrics.thinning import thin
from tests.metrics.by_ranks import measure, measure_on_two_ranks

THRESHOLDS = (0.1, 0.3, 0.5, 0.7, 0.9)
TOLERANCE = 0.05
KEYS = {"ods_f", "ois_f"}


def most_pairs(predicted: np.ndarray, true: np.ndarray, tolerance: float) -> int:
    """Size of a maximum matching, by augmenting paths from each predicted pixel (Kuhn)."""
    squares = ((np.argwhere(predicted)[:, None] - np.argwhere(true)) ** 2).sum(2)
    near = [np.flatnonzero(row <= tolerance**2).tolist() for row in squares]
    partner: dict[int, int] = {}

    def augment(p: int, seen: set[int]) -> bool:
        for t in near[p]:
            if t not in seen:
                seen.add(t)
                if t not in partner or augment(partner[t], seen):
                    partner[t] = p
                    return True
        return False

    return sum(augment(p, set()) for p in range(len(near)))


def every_choice(predicted: np.ndarray, true: np.ndarray, tolerance: float) -> int:
    """The same by trying all ways to give each predicted pixel a true one or none."""
    trues = np.argwhere(true)
    choices = [[None, *(t for t, place in enumerate(trues) if hypot(*(place - own)) <= tolerance)]
               for own in np.argwhere(predicted)]  # fmt: skip
    best = 0
    for choice in product(*choices):
        taken = [t for t in choice if t is not None]
        if len(set(taken)) == len(taken):
            best = max(best, len(taken))
    return best


def draw(images: int = 7, height: int = 22, width: int = 28, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Blurred, noisy edges; the second image has no true edge, the third predicts nothing."""
    random = np.random.default_rng(seed)
    smooth = ndimage.gaussian_filter(random.random((images, height, width)), (0, 5, 5))
    regions = smooth > np.median(smooth, axis=(1, 2), keepdims=True)
    true = regions ^ ndimage.binary_erosion(regions, np.ones((1, 3, 3)))
    true[1] = False
    guess = ndimage.gaussian_filter(np.roll(true, 1, axis=2).astype(float), (0, 1, 1)) * 1.5
    guess = (guess + 0.4 * random.random(guess.shape)).clip(0, 1)
    guess[2] = 0
    return torch.tensor(guess).float()[:, None], torch.tensor(true).float()[:, None]


def reference(prediction: Tensor, target: Tensor, valid: np.ndarray) -> dict[str, float]:
    counts = np.zeros((len(target), len(THRESHOLDS), 3))
    for image, (guess, truth, mask) in enumerate(
        zip(prediction[:, 0].numpy(), target[:, 0].numpy(), valid, strict=True)
    ):
        for place, threshold in enumerate(THRESHOLDS):
            edges, true = thin((guess >= threshold) & mask), (truth > 0.5) & mask
            matched = most_pairs(edges, true, TOLERANCE * hypot(*true.shape))
            counts[image, place] = matched, edges.sum(), true.sum()

    def f(matched: float, predicted: float, true: float) -> float:
        precision, recall = matched / predicted if predicted else 1, matched / true if true else 1
        return 2 * precision * recall / (precision + recall) if matched else 0

    best = [max(range(len(THRESHOLDS)), key=lambda place: f(*image[place])) for image in counts]
    whole = counts.sum(0)
    ois = sum(image[place] for image, place in zip(counts, best, strict=True))
    return {"ods_f": max(f(*row) for row in whole), "ois_f": f(*ois)}


def scores() -> EdgeScores:
    return EdgeScores(TOLERANCE, THRESHOLDS)


@pytest.mark.parametrize("tolerance", [0.0, 0.9, 1.0, 1.5, 2.9])
def test_matching_is_that_of_all_choices(tolerance: float) -> None:
    random = np.random.default_rng(int(10 * tolerance))
    for _ in range(12):
        predicted, true = (np.isin(np.arange(20), random.choice(20, 6, replace=False)).reshape(4, 5) for _ in range(2))
        expected = every_choice(predicted, true, tolerance)
        assert EdgeMatcher(true, tolerance).count(predicted) == most_pairs(predicted, true, tolerance) == expected


@pytest.mark.parametrize("tolerance", [1.0, 2.0, 3.7])
@pytest.mark.parametrize("share", [0.02, 0.1, 0.3])
def test_matching_is_maximum(tolerance: float, share: float) -> None:
    random = np.random.default_rng(0)
    for _ in range(4):
        predicted, true = random.random((24, 31)) < share, random.random((24, 31)) < 0.1
        assert EdgeMatcher(true, tolerance).count(predicted) == most_pairs(predicted, true, tolerance)


def test_a_chain_is_shifted_as_a_whole() -> None:
    # true 1 3 5 7, predicted 2 4 6 8: each true pixel has to take the farther of two, or one pair is lost
    true, predicted = np.zeros((1, 12), dtype=bool), np.zeros((1, 12), dtype=bool)
    true[0, [1, 3, 5, 7]] = predicted[0, [2, 4, 6, 8]] = True
    assert EdgeMatcher(true, 1).count(predicted) == 4
    predicted[0, 0] = True
    assert EdgeMatcher(true, 1).count(predicted) == 4


def test_nothing_to_match() -> None:
    none, some = np.zeros((5, 6), dtype=bool), np.eye(5, 6, dtype=bool)
    assert EdgeMatcher(none, 2).count(some) == EdgeMatcher(some, 2).count(none) == EdgeMatcher(none, 2).count(none) == 0
    assert EdgeMatcher(some, 0).count(some) == 5


def test_brute_force() -> None:
    maps = draw()
    expected = reference(*maps, np.ones((7, 22, 28), dtype=bool))
    assert measure(scores(), maps, 3) == pytest.approx(expected, abs=1e-12)
    assert expected.keys() == KEYS
    assert all(0.1 < value < 0.99 for value in expected.values())
    # beside the image without a true edge, each image's own threshold is at least as good
    some = [image for image in range(7) if image != 1]
    values = measure(scores(), tuple(values[some] for values in maps), 3)
    assert values["ods_f"] < values["ois_f"] < 0.99


def test_batch_size_and_ranks_do_not_matter() -> None:
    maps = draw()
    whole = measure(scores(), maps, 7)
    assert measure(scores(), maps, 1) == measure(scores(), maps, 2) == whole
    assert measure_on_two_ranks(scores(), scores(), maps, 3) == whole
    metric = scores()
    sizes = {name: getattr(metric, name).shape for name in metric._defaults}
    measure(metric, maps, 2)
    assert {name: getattr(metric, name).shape for name in metric._defaults} == sizes


def test_invalid_pixels_do_not_count() -> None:
    prediction, target = draw()
    valid = torch.rand(target.shape, generator=torch.Generator().manual_seed(1)) < 0.7
    expected = reference(prediction, target, valid[:, 0].numpy())
    assert measure(scores(), (prediction, target, valid), 2) == pytest.approx(expected, abs=1e-12)
    for mark in (-1.0, torch.nan):
        marked = torch.where(valid, target, mark)
        assert measure(scores(), (prediction, marked), 2) == pytest.approx(expected, abs=1e-12)


def test_what_was_padded_is_measured_as_it_was_before() -> None:
    prediction, target = draw()
    valid = torch.rand(target.shape, generator=torch.Generator().manual_seed(1)) < 0.9
    target = torch.where(valid, target, -1)
    expected = measure(scores(), (prediction, target), 2)
    sides = (20, 9, 0, 30)
    noise = torch.rand((len(target), 1, 22 + sum(sides[2:]), 28 + sum(sides[:2])))
    noise[..., : target.shape[-2], sides[0] : -sides[1]] = prediction
    padded = torch.nn.functional.pad(target, sides, value=-1)
    assert measure(scores(), (noise, padded), 2) == pytest.approx(expected, abs=1e-12)


def test_perfect_and_nothing() -> None:
    _, target = draw()
    target = torch.from_numpy(np.stack([thin(edges) for edges in target[:, 0].numpy() > 0.5]))[:, None].float()
    assert measure(EdgeScores(), (target, target), 7) == dict.fromkeys(KEYS, 1.0)
    nothing = measure(EdgeScores(), (target, torch.full_like(target, -1)), 7)
    assert nothing.keys() == KEYS
    assert np.isnan(list(nothing.values())).all()


def test_a_prediction_at_the_threshold_is_an_edge() -> None:
    true = torch.zeros(1, 1, 20, 20)
    true[..., 10] = 1
    for threshold in (0.1, 0.3, 0.7):
        guess = true * torch.tensor(threshold)
        assert measure(EdgeScores(thresholds=(threshold,)), (guess, true), 1)["ods_f"] == 1
        assert measure(EdgeScores(thresholds=(threshold,)), (guess * 0.999, true), 1)["ods_f"] == 0


def test_far_edges_do_not_match() -> None:
    true, guess = torch.zeros(2, 1, 30, 40), torch.zeros(2, 1, 30, 40)
    true[..., 10], guess[..., 12] = 1, 1
    # a diagonal of 50 pixels
    assert measure(EdgeScores(0.041), (guess, true), 1)["ods_f"] == 1
    assert measure(EdgeScores(0.039), (guess, true), 1)["ods_f"] == 0
