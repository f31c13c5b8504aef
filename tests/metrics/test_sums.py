"""Counts and sums that lose nothing, against Python's exact ones."""

import math
from collections.abc import Iterable

import numpy as np
import pytest
import torch
from torch import Tensor

from src.metrics import sums
from src.metrics.sums import PARTS, add, count, merge, read, widest

ULP = 2.3e-16


def accumulate(values: Iterable[Tensor], like: Tensor) -> Tensor:
    total = torch.zeros(PARTS, *like.shape)
    for value in values:
        total = add(total, value)
    return total


def exact(values: Tensor) -> list[float]:
    """Sums over the first of two dimensions, each rounded once."""
    return [math.fsum(column) for column in values.T.tolist()]


def draw(dtype: torch.dtype, steps: int = 5000) -> Tensor:
    """Positive values (steps, 3) of very different sizes, within a column too."""
    random = torch.Generator().manual_seed(0)
    size = 10 ** (4 * torch.rand(steps, 3, generator=random, dtype=torch.double))
    return (torch.rand(steps, 3, generator=random, dtype=torch.double) * size * torch.tensor([1e-6, 1, 1e9])).to(dtype)


@pytest.mark.parametrize("name", ["cpu", "cuda", "xpu", "mps"])
def test_only_mps_lacks_float64(name: str) -> None:
    assert widest(torch.device(name)) == (torch.float32 if name == "mps" else torch.float64)


def test_one_value_is_kept_to_the_last_bit() -> None:
    values = draw(torch.double, 1000).flatten()
    assert torch.equal(read(add(torch.zeros(PARTS, len(values)), values)), values)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
def test_many_values_add_up_exactly(dtype: torch.dtype) -> None:
    values = draw(dtype)
    total = accumulate(values, values[0])
    assert read(total).tolist() == pytest.approx(exact(values), rel=ULP)
    assert total.dtype == torch.float32


def test_what_is_read_without_float64_is_rounded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sums, "widest", lambda device: torch.float32)
    values = draw(torch.float32)
    total = read(accumulate(values, values[0]))
    assert total.dtype == torch.float32
    assert total.tolist() == pytest.approx(exact(values), rel=1.2e-7)
    # the values do need it
    plain = torch.zeros(3)
    for value in values:
        plain = plain + value
    assert plain.tolist() != pytest.approx(exact(values), rel=1.2e-7)


@pytest.mark.parametrize("ranks", [1, 2, 7])
def test_processes_add_up_exactly(ranks: int) -> None:
    values = draw(torch.float64, 2000)
    merged = merge(torch.stack([accumulate(part, values[0]) for part in values.chunk(ranks)]))
    assert merged.shape == (PARTS, 3)
    assert read(merged).tolist() == pytest.approx(exact(values), rel=ULP)


@pytest.mark.parametrize("bad", [math.inf, math.nan])
def test_what_is_not_finite_stays_so(bad: float) -> None:
    values = torch.tensor([[1.0, 2.0], [bad, 2.0], [3.0, 2.0]])
    total = accumulate(values, values[0])
    assert read(total).tolist() == pytest.approx([bad, 6], nan_ok=True)
    assert read(merge(torch.stack([total, total]))).tolist() == pytest.approx([bad, 12], nan_ok=True)


def test_counts_of_places_in_any_shape() -> None:
    places = torch.randint(0, 7, (3, 5, 8), generator=torch.Generator().manual_seed(0))
    assert count(places, 9).tolist() == np.bincount(places.flatten(), minlength=9).tolist()
