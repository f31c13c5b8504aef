"""Metrics on a device that has no float64, which a CPU plays here: Apple's MPS is not at hand."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from src.metrics import sums
from src.metrics.depth import DepthErrors
from src.tasks.base import Task
from tests.metrics.test_metrics import REFERENCES, draw, each_task, measure

IMAGES = 640
"""Of 64 x 128 pixels: 5.2 million."""


class RefuseFloat64(TorchDispatchMode):
    """Raises where an operation makes a float64 tensor, as MPS does."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        results = func(*args, **(kwargs or {}))
        for result in tree_leaves(results):
            if isinstance(result, Tensor) and result.dtype in (torch.float64, torch.complex128):
                raise TypeError(f"{func} makes float64")
        return results


@contextmanager
def no_float64() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch, RefuseFloat64():
        patch.setattr(sums, "widest", lambda device: torch.float32)
        yield


@each_task
def test_millions_of_pixels(task: Task) -> None:
    prediction, target = draw(task, IMAGES, height=64, width=128)
    expected = REFERENCES[task.name](prediction.numpy(), target.numpy())
    for batch in (IMAGES, 3):
        with no_float64():
            values = measure(task.metrics(), (prediction, target), batch)
        assert set(values) == set(expected)
        for key, value in expected.items():
            half_bin = 0.005 if key == "median_angle" else 0
            assert values[key] == pytest.approx(value, rel=1e-6, abs=half_bin), key


@each_task
def test_few_pixels_and_an_image_without_any(task: Task) -> None:
    pair = draw(task, seed=1)
    expected = measure(task.metrics(), pair, 4)
    with no_float64():
        assert measure(task.metrics(), pair, 1) == pytest.approx(expected, rel=1e-6)


@each_task
def test_processes_add_up(task: Task) -> None:
    prediction, target = draw(task)
    with no_float64():
        expected = measure(task.metrics(), (prediction, target), 1)
        one, other = task.metrics(), task.metrics()
        measure(one, (prediction[:2], target[:2]), 1)
        measure(other, (prediction[2:], target[2:]), 1)
        for mine, theirs in zip(one.values(), other.values(), strict=True):
            for state, reduce in mine._reductions.items():
                setattr(mine, state, reduce(torch.stack([getattr(mine, state), getattr(theirs, state)])))
        assert {key: float(value) for key, value in one.compute().items()} == pytest.approx(expected, rel=1e-7)


@each_task
def test_a_used_metric_can_be_moved_there(task: Task) -> None:
    metrics = task.metrics()
    for _ in range(2):
        with RefuseFloat64():
            metrics.to("meta").to_empty(device="cpu")
        metrics.reset()
        metrics.update(*draw(task))
        assert {value.dtype for value in metrics.compute().values()} == {torch.float64}


@each_task
def test_update_does_not_wait_for_the_device(task: Task) -> None:
    """On ``meta`` there are no values to wait for."""
    task.metrics().to("meta").update(*(values.to("meta") for values in draw(task)))


def test_which_depths_are_close_is_exact() -> None:
    truth = torch.rand(100_000, generator=torch.Generator().manual_seed(0)) * 5 + 0.5
    above, below = truth * 1.25, truth / 1.25
    guess = torch.cat([above, above.nextafter(torch.tensor(math.inf)), below, below.nextafter(torch.tensor(0.0))])
    truth = truth.repeat(4)
    metric = DepthErrors()
    with no_float64():
        metric.update(guess.view(1, 1, 1, -1), truth.view(1, 1, 1, -1))
    g, t = guess.double(), truth.double()
    assert metric.pixels[1] == ((g < 1.25 * t) & (t < 1.25 * g)).sum()
