"""Tasks by kind on maps of any sort: losses and metrics against the pure functions, marks, zoom and geometry."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from src.foundation.errors import UserError
from src.losses import binary, scalars, vectors
from src.losses.classes import cross_entropy
from src.modalities.base import Modality
from src.modalities.known import EDGES, NORMAL, depth
from src.modalities.storing import encode
from src.tasks.base import TASKS, Task
from src.tasks.matching import task_for, with_modality

HEIGHT = Modality(name="height", kind="scalar", unit="m", low=-10.0, high=90.0)
FLOW = Modality(name="flow", kind="vector", channels=2, mirrored=(0,))
PARTS = Modality(name="parts", kind="classes", names=("arm", "leg", "head"), weights=(0.5, 1.0, 2.0))
MASK = Modality(name="mask", kind="binary")
ALL = {modality.name: modality for modality in (HEIGHT, FLOW, PARTS, MASK, EDGES)}
SIZE = (6, 8)


def build(name: str, **options: object) -> Task:
    task: Task = TASKS.build(with_modality({**task_for(ALL[name]), **options}, ALL))
    return task


def draw(name: str, seed: int = 0) -> tuple[Tensor, Tensor]:
    """A head's output and a batch of stored maps of three images, a third of the pixels without a label."""
    modality, random = ALL[name], np.random.default_rng(seed)
    hidden = random.random((3, *SIZE)) < 0.3
    kinds = {
        "scalar": lambda: np.where(hidden, np.nan, random.uniform(-9, 80, hidden.shape)),
        "vector": lambda: np.where(hidden[..., None], 0, random.normal(size=(*hidden.shape, modality.channels))),
        "classes": lambda: np.where(hidden, -1, random.integers(0, 3, hidden.shape)),
        "binary": lambda: np.where(hidden, np.nan, random.integers(0, 2, hidden.shape)),
    }
    stored = np.stack([encode(modality, value, "a frame") for value in kinds[modality.kind]()])
    raw = torch.randn(3, modality.outputs, *SIZE, generator=torch.Generator().manual_seed(seed))
    return raw, torch.from_numpy(stored)


def test_zero_and_negative_heights_are_labels() -> None:
    task = build("height")
    stored = torch.from_numpy(encode(HEIGHT, np.array([[0.0, -5.0, math.nan, 95.0]]), "a frame"))[None]
    target = task.target(stored)
    assert target[0, 0, 0, :2].tolist() == [0, -5]
    assert target[0, 0, 0, 2:].isnan().all()  # no value, and one above the largest valid
    assert task.loss(torch.zeros(1, 1, 1, 4), target) == pytest.approx(2.5)
    assert task.colorize(target[0].numpy())[0, :2].any(-1).all()
    assert not task.colorize(target[0].numpy())[0, 2:].any()


@pytest.mark.parametrize("mark", [0.0, -9999.0, 255.0])
def test_what_marks_invalid_pixels_is_kept_by_every_change_of_geometry(mark: float) -> None:
    modality = Modality(name="depth", kind="scalar", invalid=mark, zoom="divided")
    task: Task = TASKS.build({"_target_": "scalar", "modality": modality.plain()})
    target = torch.tensor([[[[mark, 2.0, 4.0]]]])
    zoomed = task.rescale(target, torch.tensor([2.0]))
    assert zoomed.flatten().tolist() == [mark, 1, 2]
    assert task.hflip(zoomed).flatten().tolist() == [2, 1, mark]
    assert task.loss(torch.zeros_like(target), target) == pytest.approx(3)


@pytest.mark.parametrize(
    ("name", "options", "function"),
    [
        ("height", {}, scalars.l1),
        ("height", {"loss": "l2"}, scalars.l2),
        ("height", {"loss": "huber", "huber_delta": 3.0}, lambda p, t, v: scalars.huber(p, t, v, 3.0)),
        ("height", {"loss": "log_l1"}, scalars.log_l1),
        (
            "height",
            {"loss": "scale_invariant", "scale_share": 0.9},
            lambda p, t, v: scalars.scale_invariant(p, t, v, 0.9),
        ),
        ("flow", {}, vectors.cosine),
        ("flow", {"loss": "angle_l1"}, vectors.angle_l1),
        ("flow", {"loss": "unit_l1"}, vectors.unit_l1),
        ("mask", {"positive_weight": 0.8}, lambda p, t, v: binary.weighted_bce(p, t, v, 0.8)),
        ("mask", {"positive_weight": "balanced"}, binary.balanced_bce),
        ("parts", {}, cross_entropy),
        ("parts", {"label_smoothing": 0.2}, lambda p, t, v: cross_entropy(p, t, v, None, 0.2)),
        (
            "parts",
            {"class_weights": [0.1, 1.0, 3.0]},
            lambda p, t, v: cross_entropy(p, t, v, torch.tensor([0.1, 1.0, 3.0])),
        ),
        (
            "parts",
            {"class_weights": "median_frequency"},
            lambda p, t, v: cross_entropy(p, t, v, torch.tensor([0.5, 1.0, 2.0])),
        ),
    ],
)  # fmt: skip
def test_the_chosen_loss_is_computed_over_labelled_pixels(name: str, options: dict, function) -> None:
    task, (raw, stored) = build(name, **options), draw(name)
    target = task.target(stored)
    labelled = target >= 0 if ALL[name].kind in ("classes", "binary") else target.isfinite() & (target != 0)
    labelled = labelled.any(1) if ALL[name].kind == "vector" else labelled
    assert 0.4 < labelled.float().mean() < 0.9
    torch.testing.assert_close(task.loss(raw, target), function(raw, target, labelled))
    empty = torch.full_like(target, task.invalid)
    assert task.loss(raw, empty) == 0


@pytest.mark.parametrize("name", ALL)
def test_metrics_are_those_that_were_chosen_the_first_being_primary(name: str) -> None:
    known = list(type(build(name)).known_metrics)
    chosen = known[::-1][:2]
    task, (raw, stored) = build(name, metrics=chosen), draw(name)
    metrics = task.metrics()
    metrics.update(task.activate(raw), task.target(stored))
    assert list(metrics.compute()) == list(task.higher_is_better) == chosen
    assert task.primary_metric == chosen[0]
    assert set(task.delta_m_metrics) <= set(chosen)
    with pytest.raises(UserError, match=f"metric of {name}=miuo is unknown"):
        build(name, metrics=["miuo"])


def test_components_that_a_mirror_turns_round_are_those_declared() -> None:
    target = torch.nn.functional.normalize(torch.randn(1, 2, *SIZE), dim=1)
    flipped = build("flow").hflip(target)
    torch.testing.assert_close(flipped[:, 0], -target[:, 0].flip(-1))
    torch.testing.assert_close(flipped[:, 1], target[:, 1].flip(-1))


def test_a_label_set_is_known_by_its_name_not_by_its_size() -> None:
    known = {name: Modality(name=name, kind="classes", names=("a", "b")) for name in ("roofs", "roads")}
    configs = [with_modality(task_for(modality), known) for modality in known.values()]
    assert [TASKS.build(config).modality for config in configs] == list(known.values())
    with pytest.raises(UserError, match="task=semantic names no map"):
        with_modality({"_target_": "classes", "name": "semantic"}, known)


def test_many_classes_are_stored_and_predicted() -> None:
    modality = Modality(name="instances", kind="classes", names=tuple(f"class {i}" for i in range(32_000)))
    assert modality.dtype == "int16"
    stored = encode(modality, np.array([[0, 31_999, -1]]), "a frame")
    assert stored.tolist() == [[0, 31_999, -1]]
    task: Task = TASKS.build(with_modality(task_for(modality), {modality.name: modality}))
    assert task.channels == 32_000
    metrics = task.metrics()
    logits = torch.zeros(1, 32_000, 1, 3)
    logits[0, 31_999] = 1
    metrics.update(logits, task.target(torch.from_numpy(stored)[None]))
    assert float(metrics.compute()["pixel_accuracy"]) == 0.5
    with pytest.raises(UserError, match="confusion matrix of 32000 classes"):
        TASKS.build({**task_for(modality), "modality": modality.plain(), "metrics": ["miou", "miou_per_image"]})


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"_target_": "scalar", "modality": PARTS.plain()}, "task parts is for scalar maps"),
        ({"_target_": "scalar", "modality": "height"}, "a task of the modality height cannot be built"),
        ({"_target_": "classes", "modality": PARTS.plain(), "class_weights": [1.0, 2.0]}, "weights of parts are 2"),
        (
            {"_target_": "classes", "modality": {**PARTS.plain(), "weights": []}, "class_weights": "median_frequency"},
            "frequencies of parts are not known",
        ),
        ({"_target_": "vector", "modality": {**NORMAL.plain(), "mirrored": [3]}}, "components"),
        ({"_target_": "scalar", "modality": {**depth().plain(), "low": 4.0, "high": 2.0}}, "not below high"),
        ({"_target_": "scalar", "modality": {**depth().plain(), "name": "../depth"}}, "no word"),
    ],
)  # fmt: skip
def test_what_cannot_be_a_task_is_told(config: dict, words: str) -> None:
    with pytest.raises(UserError, match=words):
        TASKS.build(config)


def test_the_mark_of_invalid_pixels_is_the_modalitys_alone() -> None:
    modality = Modality(name="terrain", kind="scalar", invalid=-9999.0, dtype="float32")
    stored = encode(modality, np.array([[-9999.0, 0.0, math.nan, 3.0]]), "a frame")
    assert stored.tolist() == [[-9999, 0, -9999, 3]]
    task: Task = TASKS.build({"_target_": "scalar", "modality": modality.plain()})
    target = task.target(torch.from_numpy(stored)[None])
    assert task.loss(torch.zeros(1, 1, 1, 4), target) == pytest.approx(1.5)
