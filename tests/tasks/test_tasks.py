"""Losses, geometry and pictures of the tasks, and how their configs compose."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from src.app.composing import composed_values
from src.data.labels.nyuv2 import NYUV2_13, NYUV2_40
from src.data.sources.base import by_name
from src.modalities.base import Modality
from src.modalities.known import NORMAL, depth
from src.tasks.base import TASKS, Task
from src.tasks.classes import Classes
from src.tasks.matching import name_of, with_modality
from tests.tasks.usual import Depth, Normal, Semantic

CLASSES = 5
EACH: list[Task] = [Semantic(CLASSES), Depth(), Normal()]

each_task = pytest.mark.parametrize("task", EACH, ids=lambda task: task.name)


def draw(task: Task, invalid: float = 0.3) -> tuple[Tensor, Tensor]:
    """A head's output and what the packed store would hold, with a share of invalid pixels."""
    random = torch.Generator().manual_seed(1)
    raw = torch.randn((3, task.channels, 6, 8), generator=random)
    bad = torch.rand((3, 6, 8), generator=random) < invalid
    if task.name == "semantic":
        return raw, torch.randint(0, CLASSES, bad.shape, generator=random).masked_fill(bad, -1).to(torch.int8)
    if task.name == "depth":
        return raw, (torch.rand(bad.shape, generator=random) * 8 + 0.5).masked_fill(bad, 0).half()
    vectors = torch.nn.functional.normalize(torch.randn((*bad.shape, 3), generator=random), dim=-1)
    return raw, vectors.masked_fill(bad[..., None], 0).half()


def reference_loss(task: Task, raw: np.ndarray, stored: np.ndarray) -> float:
    terms = []
    for n, i, j in np.ndindex(stored.shape[:3]):
        out, truth = raw[n, :, i, j].astype(np.float64), stored[n, i, j].astype(np.float64)
        if task.name == "semantic" and truth >= 0:
            terms.append(np.log(np.exp(out).sum()) - out[int(truth)])
        elif task.name == "depth" and truth > 0:
            terms.append(abs(out[0] - truth))
        elif task.name == "normal" and np.linalg.norm(truth) > 0:
            terms.append(1 - out @ truth / np.linalg.norm(out) / np.linalg.norm(truth))
    return float(np.mean(terms))


@each_task
def test_targets(task: Task) -> None:
    _, stored = draw(task)
    target = task.target(stored)
    shape = {"semantic": (3, 6, 8), "depth": (3, 1, 6, 8), "normal": (3, 3, 6, 8)}[task.name]
    assert target.shape == shape
    assert target.dtype == (torch.long if task.name == "semantic" else torch.float32)
    if task.name == "normal":
        length = target.norm(dim=1)
        assert torch.equal(length > 0, (stored != 0).any(-1))
        assert torch.allclose(length[length > 0], torch.ones(()), atol=1e-6)
        assert torch.allclose(target.movedim(1, -1), stored.float(), atol=1e-3)
    else:
        assert torch.equal(target.reshape(stored.shape).to(stored.dtype), stored)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("task", EACH[1:], ids=lambda task: task.name)
def test_stored_values_that_are_not_finite_are_invalid(task: Task, bad: float) -> None:
    raw, stored = draw(task, invalid=0)
    stored[0, 0, 0, ...] = bad
    target = task.target(stored)
    assert (target[0, :, 0, 0] == 0).all()
    assert task.loss(raw, target).isfinite()


@each_task
def test_loss_is_the_reference(task: Task) -> None:
    raw, stored = draw(task)
    expected = reference_loss(task, raw.numpy(), stored.numpy())
    assert task.loss(raw, task.target(stored)).item() == pytest.approx(expected, rel=1e-5)


@each_task
def test_loss_is_float32_whatever_the_precision(task: Task) -> None:
    raw, stored = draw(task)
    target = task.target(stored)
    with torch.autocast("cpu", torch.bfloat16):
        loss = task.loss(raw.bfloat16(), target)
    assert loss.dtype == task.loss(raw.bfloat16(), target).dtype == torch.float32
    assert loss.item() == pytest.approx(task.loss(raw.bfloat16().float(), target).item(), rel=1e-6)


@each_task
def test_loss_without_a_valid_pixel_is_zero_with_a_graph(task: Task) -> None:
    raw, stored = draw(task, invalid=1)
    raw.requires_grad_()
    loss = task.loss(raw, task.target(stored))
    (gradient,) = torch.autograd.grad(loss, raw)
    assert loss.item() == 0
    assert torch.equal(gradient, torch.zeros_like(raw))


@each_task
def test_a_target_without_labels_stays_one_and_has_no_loss(task: Task) -> None:
    raw, stored = draw(task)
    hidden = torch.full_like(task.target(stored), task.invalid)
    for moved in (hidden, task.hflip(hidden), task.rescale(hidden, torch.tensor([1.0, 1.2, 1.5]))):
        assert torch.equal(moved, hidden)
        assert task.loss(raw, moved) == 0
    assert task.loss(raw, task.target(stored)) > 0


@each_task
def test_gradient_stops_at_invalid_pixels(task: Task) -> None:
    raw, stored = draw(task)
    raw[0] = 0  # where a normal has no direction
    raw.requires_grad_()
    (gradient,) = torch.autograd.grad(task.loss(raw, task.target(stored)), raw)
    invalid = stored == -1 if task.name == "semantic" else stored.reshape(3, 6, 8, -1).eq(0).all(-1)
    moved = gradient.abs().sum(1) > 0
    assert gradient.isfinite().all()
    assert not moved[invalid].any()
    assert moved[~invalid].all()


@each_task
def test_loss_never_looks_at_values(task: Task) -> None:
    # tensors without data: whatever needs a value on the host, or a shape that depends on values, fails
    raw, stored = (values.to("meta") for values in draw(task))
    assert task.loss(raw, task.target(stored)).shape == ()


@each_task
def test_mirror_twice_is_identity(task: Task) -> None:
    target = task.target(draw(task)[1])
    assert not torch.equal(task.hflip(target), target)
    assert torch.equal(task.hflip(task.hflip(target)), target)


def test_mirror_turns_x_only() -> None:
    target = torch.zeros(1, 3, 1, 2)
    target[0, :, 0, 0] = torch.tensor([0.6, 0.0, 0.8])
    target[0, :, 0, 1] = torch.tensor([0.0, 1.0, 0.0])
    mirrored = Normal().hflip(target)[0, :, 0]
    assert torch.equal(mirrored.T, torch.tensor([[0.0, 1.0, 0.0], [-0.6, 0.0, 0.8]]))


@each_task
def test_zoom(task: Task) -> None:
    target = task.target(draw(task)[1])
    scale = torch.tensor([1.0, 1.2, 1.5])
    zoomed = task.rescale(target, scale)
    assert zoomed.dtype == target.dtype
    assert torch.allclose(zoomed, target / scale.view(3, 1, 1, 1) if task.name == "depth" else target, atol=1e-6)


def test_zoom_of_inverse_depth_is_the_inverse() -> None:
    depth = torch.rand(3, 1, 4, 4) + 1
    scale = torch.tensor([1.0, 1.2, 1.5])
    inverse = Depth("disparity").rescale(1 / depth, scale)
    assert torch.allclose(inverse, 1 / Depth("m").rescale(depth, scale))


def test_zoom_brings_blended_normals_back_to_unit_length() -> None:
    target = Normal().target(draw(EACH[2])[1])
    assert torch.allclose(Normal().rescale(target * 0.4, torch.ones(3)), target, atol=1e-6)


def test_activation_of_normals_has_unit_length() -> None:
    raw = torch.randn(2, 3, 4, 4) * 50
    assert torch.allclose(Normal().activate(raw.bfloat16()).norm(dim=1), torch.ones(()), atol=1e-6)
    assert torch.equal(Normal().activate(torch.zeros(1, 3, 1, 1)), torch.zeros(1, 3, 1, 1))


@each_task
def test_pictures(task: Task) -> None:
    raw, stored = draw(task)
    target = task.target(stored)[0]
    truth = target.numpy() if task.name == "semantic" else task.to_numpy(target)
    picture = task.colorize(truth)
    assert picture.shape == (6, 8, 3)
    assert picture.dtype == np.uint8
    invalid = (stored[0] < 0 if task.name == "semantic" else stored[0].reshape(6, 8, -1).eq(0).all(-1)).numpy()
    assert (picture[invalid] == 0).all()
    assert picture[~invalid].any(-1).all()
    assert task.colorize(task.to_numpy(task.activate(raw)[0].bfloat16())).shape == (6, 8, 3)


@each_task
def test_error_maps(task: Task) -> None:
    raw, stored = draw(task)
    target = task.target(stored)[0]
    errors = task.error(task.activate(raw)[0], target)
    invalid = (stored[0] < 0 if task.name == "semantic" else stored[0].reshape(6, 8, -1).eq(0).all(-1)).numpy()
    assert errors.shape == (6, 8)
    assert (errors[invalid] == 0).all()
    assert errors.min() >= 0
    assert errors.max() == 1
    perfect = (
        torch.nn.functional.one_hot(target.clamp(min=0), CLASSES).movedim(-1, 0) if task.name == "semantic" else target
    )
    assert task.error(perfect, target).max() == 0


def test_scales_of_error_maps() -> None:
    target = torch.full((1, 1, 3), 2.0)
    guess = torch.tensor([[[2.0, 1.75, 5.0]]])
    assert Depth("m").error(guess, target).tolist() == [[0, 0.25, 1]]
    assert Depth("cm").error(guess * 100, target * 100) == pytest.approx(np.array([[0, 0.25, 1]]))
    assert Depth("disparity").error(guess, target).tolist() == [[0, 0.125, 1]]
    up, half = torch.tensor([0.0, 0, 1]), math.radians(30)
    tilted = torch.tensor([math.sin(half), 0, math.cos(half)])
    assert Normal().error(tilted.view(3, 1, 1), up.view(3, 1, 1)).item() == pytest.approx(0.5)


def test_near_is_brighter_than_far() -> None:
    steps = np.linspace(0.5, 9.5, 10)[None]
    depth = Depth("m").colorize(steps).sum(-1, dtype=int)[0]
    disparity = Depth("disparity").colorize(1 / steps).sum(-1, dtype=int)[0]
    assert (np.diff(depth) < 0).all()
    assert (np.diff(disparity) < 0).all()
    assert Depth("m").colorize(np.array([[np.nan, -1.0, 0.0]])).max() == 0
    assert np.array_equal(Depth("mm").colorize(steps * 1000), Depth("m").colorize(steps))


def test_semantic_colours_and_names() -> None:
    colours = ((1, 2, 3), (4, 5, 6))
    task = Classes(Modality(name="parts", kind="classes", names=("floor", "wall"), colours=colours))
    assert task.colorize(np.array([[0, 1, -1, 2]])).tolist() == [[[1, 2, 3], [4, 5, 6], [0, 0, 0], [0, 0, 0]]]
    assert len(set(Semantic(40).modality.colours)) == 40
    assert task.names == ["floor", "wall"]


@each_task
def test_metric_tables_are_consistent(task: Task) -> None:
    assert task.primary_metric in task.delta_m_metrics
    assert set(task.delta_m_metrics) <= set(task.higher_is_better)


def test_both_uses_of_the_task_group_compose() -> None:
    overrides = ["task=depth", "tasks=[semantic,depth,normal]", "dataset=nyuv2", "dataset.classes=40"]
    values = composed_values("train", ["stage=teacher", *overrides])
    alone = composed_values("train", ["stage=student", "tasks=[semantic,depth]"])
    assert name_of(values["task"]) == "depth"
    known = by_name(NYUV2_40, NYUV2_13, depth(), NORMAL)
    tasks = {name: TASKS.build(with_modality(task, known)) for name, task in values["tasks"].items()}
    assert {name: task.name for name, task in tasks.items()} == {name: name for name in tasks}
    assert {name: task.channels for name, task in tasks.items()} == {"semantic": 40, "depth": 1, "normal": 3}
    assert tasks["semantic"].modality == NYUV2_40
    assert alone.get("task") is None
    assert list(alone["tasks"]) == ["semantic", "depth"]
