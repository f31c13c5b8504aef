"""Metrics against brute-force references, whatever the batch size and the number of processes."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor
from torchmetrics import Metric, MetricCollection
from torchmetrics.classification import MulticlassAccuracy, MulticlassJaccardIndex

from src.foundation.errors import UserError
from src.metrics.delta import delta_m, delta_mtl
from src.metrics.normal import angles
from src.tasks.base import Task
from tests.tasks.usual import Depth, Normal, Semantic

CLASSES = 6
TASKS: list[Task] = [Semantic(CLASSES), Depth(), Normal()]
PRIMARY = {f"{task.name}/{task.primary_metric}": task.higher_is_better[task.primary_metric] for task in TASKS}
NINE = {f"{task.name}/{key}": task.higher_is_better[key] for task in TASKS for key in task.delta_m_metrics}
Pair = tuple[Tensor, Tensor]


def draw(task: Task, images: int = 9, seed: int = 0, height: int = 11, width: int = 13) -> Pair:
    """Predictions and targets with invalid pixels; the images differ in how many, and the third has none valid."""
    random = torch.Generator().manual_seed(seed)
    shape = (images, task.channels, height, width)
    prediction = torch.randn(shape, generator=random)
    invalid = torch.rand((images, height, width), generator=random) < torch.linspace(0, 0.7, images).view(-1, 1, 1)
    invalid[2] = True
    if task.name == "semantic":
        # class 4 in no target, class 5 in no target and never predicted
        target = torch.randint(0, 4, (images, height, width), generator=random).masked_fill(invalid, -1)
        prediction[:, 5] = -100
        return prediction, target
    if task.name == "depth":
        depth = torch.rand((images, 1, height, width), generator=random) * 5 + 0.5
        noisy = depth * (1 + 0.3 * prediction)
        noisy[0, 0, 0, :3] = torch.tensor([0.0, -1.0, 1e-9])
        return noisy, depth.masked_fill(invalid[:, None], 0)
    vectors = torch.nn.functional.normalize(torch.randn(shape, generator=random), dim=1)
    mix = torch.rand((images, 1, height, width), generator=random)
    guess = torch.nn.functional.normalize(vectors + mix * prediction, dim=1)
    return guess, vectors.masked_fill(invalid[:, None], 0)


def reference_semantic(prediction: np.ndarray, target: np.ndarray) -> dict[str, float]:
    chosen = prediction.argmax(1)
    valid = target >= 0
    ious = []
    for c in range(prediction.shape[1]):
        union = (((chosen == c) | (target == c)) & valid).sum()
        if union:
            ious.append(((chosen == c) & (target == c)).sum() / union)
    per_image = []
    for guess, truth in zip(chosen, target, strict=True):
        image = []
        for c in range(prediction.shape[1]):
            union = ((guess == c) | (truth == c)).sum()
            if union:
                image.append(((guess == c) & (truth == c)).sum() / union)
        per_image.append(np.mean(image))
    accuracy = (chosen == target)[valid].mean()
    return {"miou": np.mean(ious), "pixel_accuracy": accuracy, "miou_per_image": np.mean(per_image)}


def reference_depth(prediction: np.ndarray, target: np.ndarray) -> dict[str, float]:
    valid = target > 0
    p, t = prediction[valid].astype(np.float64), target[valid].astype(np.float64)
    with np.errstate(divide="ignore"):
        close = (np.maximum(p / t, t / p) < 1.25) & (p > 0)
    return {
        "absolute_error": np.abs(p - t).mean(),
        "relative_error": (np.abs(p - t) / t).mean(),
        "rmse": np.sqrt(((p - t) ** 2).mean()),
        "delta_1": close.mean(),
    }


def reference_normal(prediction: np.ndarray, target: np.ndarray) -> dict[str, float]:
    valid = np.linalg.norm(target, axis=1) > 0
    p, t = (np.moveaxis(v.astype(np.float64), 1, -1)[valid] for v in (prediction, target))
    cosine = (p * t).sum(1) / np.linalg.norm(p, axis=1) / np.linalg.norm(t, axis=1)
    angle = np.degrees(np.arccos(cosine.clip(-1, 1)))
    shares = {key: (angle < degrees).mean() for key, degrees in (("11", 11.25), ("22", 22.5), ("30", 30.0))}
    values = {"mean_angle": angle.mean(), "median_angle": np.median(angle)}
    return values | {f"within_{key}": share for key, share in shares.items()}


REFERENCES: dict[str, Callable[[np.ndarray, np.ndarray], dict[str, float]]] = {
    "semantic": reference_semantic,
    "depth": reference_depth,
    "normal": reference_normal,
}


def measure(metrics: MetricCollection | Metric, pair: Pair, batch: int) -> dict[str, float]:
    for prediction, target in zip(*(values.split(batch) for values in pair), strict=True):
        metrics.update(prediction, target)
    return {key: float(value) for key, value in metrics.compute().items()}


each_task = pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)


@each_task
def test_brute_force(task: Task) -> None:
    prediction, target = draw(task)
    values = measure(task.metrics(), (prediction, target), 4)
    expected = REFERENCES[task.name](prediction.numpy(), target.numpy())
    assert set(values) == set(expected) == set(task.higher_is_better)
    half_bin = {"median_angle": 0.005 + 1e-9}
    for key, value in expected.items():
        assert values[key] == pytest.approx(value, abs=half_bin.get(key, 1e-9)), key


@each_task
def test_batch_size_does_not_matter(task: Task) -> None:
    pair = draw(task)
    whole = measure(task.metrics(), pair, 9)
    for batch in (1, 2, 4):
        assert measure(task.metrics(), pair, batch) == pytest.approx(whole, rel=1e-12)


@each_task
def test_two_ranks_are_one(task: Task) -> None:
    prediction, target = draw(task)
    whole = measure(task.metrics(), (prediction, target), 3)
    ranks = [task.metrics(), task.metrics()]
    measure(ranks[0], (prediction[:2], target[:2]), 1)
    measure(ranks[1], (prediction[2:], target[2:]), 4)
    merged: dict[str, float] = {}
    for one, other in zip(ranks[0].values(), ranks[1].values(), strict=True):
        for state, reduce in one._reductions.items():
            assert callable(reduce)
            setattr(one, state, reduce(torch.stack([getattr(one, state), getattr(other, state)])))
        one._computed = None
        merged |= {key: float(value) for key, value in one.compute().items()}
    assert {key: merged[key] for key in whole} == pytest.approx(whole, rel=1e-12)


@each_task
def test_invalid_pixels_do_not_count(task: Task) -> None:
    prediction, target = draw(task)
    expected = measure(task.metrics(), (prediction, target), 9)
    if task.name == "semantic":
        ignored = (target < 0)[:, None]
        other = torch.where(ignored, prediction.roll(1, dims=0), prediction)
        # predictions at ignored pixels do count in the older score
        assert measure(task.metrics(), (other, target), 9)["miou_per_image"] != expected.pop("miou_per_image")
    else:
        other = torch.where((target == 0).all(1, keepdim=True), torch.nan, prediction)
    values = measure(task.metrics(), (other, target), 9)
    assert {key: values[key] for key in expected} == expected


@each_task
def test_nothing_valid_is_nan_and_reset_forgets(task: Task) -> None:
    prediction, target = draw(task)
    metrics = task.metrics()
    values = measure(metrics, (prediction[2:3], target[2:3]), 1)
    assert all(np.isnan(value) for key, value in values.items() if key != "miou_per_image")
    metrics.reset()
    assert measure(metrics, (prediction, target), 9) == measure(task.metrics(), (prediction, target), 9)


@each_task
def test_perfect_prediction(task: Task) -> None:
    _, target = draw(task)
    keep = [i for i in range(len(target)) if i != 2]
    target = target[keep]
    prediction = target
    if task.name == "semantic":
        target = target.clamp(min=0)
        prediction = torch.nn.functional.one_hot(target, CLASSES).movedim(-1, 1).float()
    values = measure(task.metrics(), (prediction, target), 3)
    assert values == pytest.approx({key: float(up) for key, up in task.higher_is_better.items()}, abs=0.006)


@pytest.mark.parametrize("seed", range(3))
def test_agrees_with_torchmetrics(seed: int) -> None:
    pair = draw(TASKS[0], seed=seed)
    values = measure(TASKS[0].metrics(), pair, 4)
    jaccard = MulticlassJaccardIndex(CLASSES, average="macro", ignore_index=-1)
    accuracy = MulticlassAccuracy(CLASSES, average="micro", ignore_index=-1)
    assert values["miou"] == pytest.approx(float(jaccard(*pair)), abs=1e-6)
    assert values["pixel_accuracy"] == pytest.approx(float(accuracy(*pair)), abs=1e-6)


def test_per_image_score_by_hand() -> None:
    # image 1: class 0 has IoU 1/2, class 1 is predicted at an ignored pixel only; image 2 is right everywhere
    target = torch.tensor([[[0, 0, -1]], [[2, 2, 2]]])
    chosen = torch.tensor([[[0, 2, 1]], [[2, 2, 2]]])
    logits = torch.nn.functional.one_hot(chosen, 3).movedim(-1, 1).float()
    values = measure(Semantic(3).metrics(), (logits, target), 1)
    assert values["miou_per_image"] == pytest.approx(((0.5 + 0 + 0) / 3 + 1) / 2)
    assert values["miou"] == pytest.approx((1 / 2 + 3 / 4) / 2)


@pytest.mark.parametrize("degrees", [0.0, 1e-5, 0.3, 45.0, 90.0, 179.9999, 180.0])
def test_angles_are_accurate_at_both_ends(degrees: float) -> None:
    radians = np.radians(degrees)
    first = torch.tensor([2.0, 0, 0], dtype=torch.double).view(1, 3, 1, 1)
    second = torch.tensor([np.cos(radians), np.sin(radians), 0]).view(1, 3, 1, 1) * 0.5
    assert angles(first, second).item() == pytest.approx(degrees, abs=1e-9)


@pytest.mark.parametrize(("given", "median"), [([10.0, 20.0], 15.0), ([10.0, 20.0, 90.0], 20.0), ([180.0], 180.0)])
def test_median_of_few_pixels(given: list[float], median: float) -> None:
    radians = torch.tensor(given, dtype=torch.double).deg2rad()
    guess = torch.stack([radians.cos(), radians.sin(), torch.zeros_like(radians)]).view(1, 3, 1, -1)
    truth = torch.zeros_like(guess)
    truth[:, 0] = 1
    assert measure(Normal().metrics(), (guess, truth), 1)["median_angle"] == pytest.approx(median, abs=0.0051)


def results(semantic: float, depth: float, normal: float) -> dict[str, float]:
    return {"semantic/miou": semantic, "depth/absolute_error": depth, "normal/mean_angle": normal}


SINGLE = results(40.54, 0.6276, 24.28)


@pytest.mark.parametrize(
    ("run", "delta"),
    [
        (results(45.52, 0.4912, 24.57), 10.95),  # the published rows of arXiv 2204.02744
        (results(40.22, 0.5196, 29.09), -1.13),
        (results(37.35, 0.5014, 26.74), 0.72),
        (results(39.77, 0.5669, 29.05), -3.95),
        (results(40.62, 0.5224, 26.14), 3.11),
    ],
)
def test_delta_mtl_of_published_rows(run: dict[str, float], delta: float) -> None:
    # the published metrics are rounded, which moves their delta by up to 0.02
    assert delta_mtl(run, SINGLE, PRIMARY) == pytest.approx(delta, abs=0.02)


def test_delta_mtl_by_hand() -> None:
    # +10 % of mIoU, 20 % less error, 6 % more angle
    run, single = results(0.55, 0.4, 26.5), results(0.5, 0.5, 25.0)
    without_classes = {key: higher for key, higher in PRIMARY.items() if not key.startswith("semantic/")}
    assert delta_mtl(run, single, PRIMARY) == pytest.approx((10 + 20 - 6) / 3)
    assert delta_mtl(single, single, PRIMARY) == 0
    assert delta_mtl(run, single, without_classes) == pytest.approx((20 - 6) / 2)


def test_delta_m_weighs_nine_metrics_alike() -> None:
    assert len(NINE) == 9
    reference = {key: 2.0 + place for place, key in enumerate(NINE)}
    assert delta_m(reference, reference, NINE) == 0
    for key, higher_is_better in NINE.items():
        run = reference | {key: reference[key] * 1.18}
        assert delta_m(run, reference, NINE) == pytest.approx(-2 if higher_is_better else 2)


@pytest.mark.parametrize(("delta", "metrics"), [(delta_mtl, PRIMARY), (delta_m, NINE)])
def test_delta_says_what_is_missing(delta: Callable[..., float], metrics: dict[str, bool]) -> None:
    full = {f"{task.name}/{key}": 1.0 for task in TASKS for key in task.higher_is_better}
    without = {key: value for key, value in full.items() if key != "depth/absolute_error"}
    with pytest.raises(UserError, match="the run has no metric depth/absolute_error"):
        delta(without, full, metrics)
    with pytest.raises(UserError, match="stage=teacher task=depth"):
        delta(full, without, metrics)
    with pytest.raises(UserError, match="depth/absolute_error is 0"):
        delta(full, full | {"depth/absolute_error": 0.0}, metrics)
    with pytest.raises(UserError, match="no task"):
        delta(full, full, {})
