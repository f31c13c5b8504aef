"""Scores of many classes against those of the confusion matrix."""

import math

import pytest
import torch
from torch import Tensor
from torchmetrics.classification import MulticlassAccuracy, MulticlassJaccardIndex

from src.metrics.classes import ClassScores
from src.metrics.semantic import SegmentationScores
from tests.metrics.by_ranks import measure, measure_on_two_ranks

CLASSES = 7


def draw(images: int = 6, classes: int = CLASSES, seed: int = 0) -> tuple[Tensor, Tensor]:
    """The last class is in no target, the one before it neither there nor predicted; the third image is ignored."""
    random = torch.Generator().manual_seed(seed)
    target = torch.randint(0, classes - 2, (images, 9, 10), generator=random)
    logits = torch.randn(images, classes, 9, 10, generator=random)
    logits.scatter_add_(1, target[:, None], torch.full((images, 1, 9, 10), 1.5))
    logits[:, classes - 2] = -100
    target[torch.rand(target.shape, generator=random) < 0.2] = -1
    target[2] = -1
    return logits, target


@pytest.mark.parametrize("seed", range(3))
def test_is_what_the_confusion_matrix_gives(seed: int) -> None:
    maps = draw(seed=seed)
    values = measure(ClassScores(CLASSES), maps, 4)
    expected = measure(SegmentationScores(CLASSES), maps, 4)
    assert {key: values[key] for key in expected} == pytest.approx(expected, rel=1e-14)
    logits, target = maps
    in_targets = MulticlassAccuracy(CLASSES - 2, average="macro", ignore_index=-1)
    seen = torch.where(logits.argmax(1) < CLASSES - 2, logits.argmax(1), -1)
    wrong = (seen < 0) & (target >= 0)
    # a prediction of the last class is wrong: as wrong as one of another class
    other = torch.where(wrong, (target + 1) % (CLASSES - 2), seen.clamp(min=0))
    assert values["mean_accuracy"] == pytest.approx(float(in_targets(other, target)), abs=1e-6)


def test_by_class() -> None:
    logits, target = draw()
    metric = ClassScores(CLASSES)
    measure(metric, (logits, target), 6)
    expected = MulticlassJaccardIndex(CLASSES, average=None, ignore_index=-1)(logits, target)
    iou, accuracy = metric.class_iou(), metric.class_accuracy()
    assert iou[:-2].tolist() == pytest.approx(expected[:-2].tolist(), abs=1e-6)
    assert (math.isnan(iou[-2]), float(iou[-1])) == (True, 0)
    assert accuracy.isnan().tolist() == [False] * (CLASSES - 2) + [True, True]
    for c in range(CLASSES - 2):
        assert float(accuracy[c]) == pytest.approx((logits.argmax(1) == c)[target == c].double().mean().item())


def test_batch_size_and_ranks_do_not_matter() -> None:
    maps = draw()
    whole = measure(ClassScores(CLASSES), maps, 6)
    assert measure(ClassScores(CLASSES), maps, 1) == measure(ClassScores(CLASSES), maps, 4) == whole
    assert measure_on_two_ranks(ClassScores(CLASSES), ClassScores(CLASSES), maps, 2) == whole


def test_perfect_and_nothing() -> None:
    _, target = draw()
    perfect = torch.nn.functional.one_hot(target.clamp(min=0), CLASSES).movedim(-1, 1).float()
    assert measure(ClassScores(CLASSES), (perfect, target), 2) == dict.fromkeys(
        ["miou", "pixel_accuracy", "mean_accuracy"], 1.0
    )
    nothing = measure(ClassScores(CLASSES), (perfect, torch.full_like(target, -1)), 2)
    assert all(math.isnan(value) for value in nothing.values())


def test_memory_grows_with_the_classes_only() -> None:
    metric = ClassScores(32_000)
    assert sum(getattr(metric, name).numel() for name in metric._defaults) == 96_000


def test_update_does_not_wait_for_the_device() -> None:
    ClassScores(CLASSES).to("meta").update(*(values.to("meta") for values in draw()))
