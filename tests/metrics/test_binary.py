"""Scores of binary maps against plain numpy, and against the sums of the multi-task papers' evaluation."""

import numpy as np
import pytest
import torch
from torch import Tensor

from src.metrics.binary import ALL_LEVELS, MULTI_TASK_BETA_SQUARE, MULTI_TASK_LEVELS, BinaryScores
from tests.metrics.by_ranks import measure, measure_on_two_ranks

KEYS = {"max_f", "max_miou", "iou"}
CHOICES = [(0.3, ALL_LEVELS), (MULTI_TASK_BETA_SQUARE, MULTI_TASK_LEVELS)]
each_choice = pytest.mark.parametrize(("beta_square", "thresholds"), CHOICES, ids=["saliency", "multi-task"])


def draw(images: int = 9, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """Maps of which the second has no true pixel, the third is empty and predicts nothing, the fourth is invalid."""
    random = torch.Generator().manual_seed(seed)
    target = (torch.rand(images, 1, 12, 15, generator=random) < 0.3).float()
    prediction = (0.4 * target + 0.6 * torch.rand(target.shape, generator=random)).clamp(0, 1)
    # levels of 8 bits lie on the thresholds
    prediction[::2] = (prediction[::2] * 255).round() / 255
    target[1], target[2], prediction[2] = 0, 0, 0
    valid = torch.rand(target.shape, generator=random) < 0.8
    valid[3] = False
    return prediction, target, valid


def reference(maps: tuple[Tensor, ...], beta_square: float, thresholds: tuple[float, ...]) -> dict[str, float]:
    images = [tuple(values[mask] for values in (guess, truth)) for guess, truth, mask in zip(*maps, strict=True)]
    images = [(guess.numpy(), truth.numpy() > 0) for guess, truth in images if len(guess)]
    best_f, best_iou = 0.0, 0.0
    for threshold in np.float32(thresholds):
        shares = []
        for guess, truth in images:
            chosen = guess > threshold
            hits, union = (chosen & truth).sum(), (chosen | truth).sum()
            shares.append((hits / (chosen.sum() + 1e-12), hits / (truth.sum() + 1e-12), hits / union if union else 1))
        precision, recall, iou = np.mean(shares, axis=0)
        f = (1 + beta_square) * precision * recall / (beta_square * precision + recall + 1e-12)
        best_f, best_iou = max(best_f, f), max(best_iou, iou)
    guess, truth = (np.concatenate(values) for values in zip(*images, strict=True))
    return {
        "max_f": best_f,
        "max_miou": best_iou,
        "iou": ((guess > 0.5) & truth).sum() / ((guess > 0.5) | truth).sum(),
    }


@each_choice
def test_brute_force(beta_square: float, thresholds: tuple[float, ...]) -> None:
    maps = draw()
    expected = reference(maps, beta_square, thresholds)
    assert measure(BinaryScores(beta_square, thresholds), maps, 4) == pytest.approx(expected, abs=1e-9)
    assert all(0.1 < value < 0.9 for value in expected.values())


@each_choice
def test_batch_size_and_ranks_do_not_matter(beta_square: float, thresholds: tuple[float, ...]) -> None:
    maps = draw()
    whole = measure(BinaryScores(beta_square, thresholds), maps, 9)
    for batch in (1, 2, 4):
        assert measure(BinaryScores(beta_square, thresholds), maps, batch) == pytest.approx(whole, rel=1e-12)
    ranks = [BinaryScores(beta_square, thresholds) for _ in range(2)]
    assert measure_on_two_ranks(*ranks, maps, 2) == pytest.approx(whole, rel=1e-12)


def test_marked_targets_are_as_good_as_a_mask() -> None:
    prediction, target, valid = draw()
    expected = measure(BinaryScores(), (prediction, target, valid), 9)
    for mark in (-1.0, torch.nan):
        values = measure(BinaryScores(), (prediction, torch.where(valid, target, mark)), 9)
        assert values == expected
    unknown = torch.where(valid, prediction, torch.nan)
    assert measure(BinaryScores(), (unknown, target, valid), 9) == expected


def test_perfect_and_nothing() -> None:
    _, target, valid = draw()
    some = [image for image in range(9) if target[image].any()]
    perfect = measure(BinaryScores(), (target[some], target[some]), 2)
    assert perfect == pytest.approx(dict.fromkeys(KEYS, 1.0), abs=1e-12)
    nothing = measure(BinaryScores(), (target, target, torch.zeros_like(valid)), 9)
    assert nothing.keys() == KEYS
    assert np.isnan(list(nothing.values())).all()


def test_mean_of_precision_and_recall_by_hand() -> None:
    # image 1: precision 1, recall 1/2; image 2: precision 1/2, recall 1
    target = torch.tensor([[1.0, 1, 0, 0], [1, 0, 0, 0]]).view(2, 1, 1, 4)
    prediction = torch.tensor([[0.9, 0, 0, 0], [0.9, 0.9, 0, 0]]).view(2, 1, 1, 4)
    values = measure(BinaryScores(), (prediction, target), 1)
    assert values == pytest.approx({"max_f": 0.75, "max_miou": 0.5, "iou": 2 / 4})


def test_update_does_not_wait_for_the_device() -> None:
    BinaryScores().to("meta").update(*(values.to("meta") for values in draw()))
