"""What the processes of a distributed run must agree on."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, distributed


def mean_over_ranks(value: Tensor) -> Tensor:
    """Average a tensor over distributed processes; without them, return it."""
    if not _distributed():
        return value
    value = value.clone()
    distributed.all_reduce(value)
    return value / distributed.get_world_size()


def largest_over_ranks(value: Tensor) -> Tensor:
    """Return the elementwise maximum of a tensor over distributed processes; without them, the tensor itself."""
    if _distributed():
        value = value.clone()
        distributed.all_reduce(value, distributed.ReduceOp.MAX)
    return value


def rank() -> int:
    """Return this process's number among distributed processes, 0 without them."""
    return distributed.get_rank() if _distributed() else 0


def gathered_from_ranks(value: Any) -> list[Any]:
    """Return the plain value of every distributed process, by rank; all processes must call it."""
    if not _distributed():
        return [value]
    values: list[Any] = [None] * distributed.get_world_size()
    distributed.all_gather_object(values, value)
    return values


@contextmanager
def same_on_every_rank(device: torch.device) -> Iterator[None]:
    """Draw the same random numbers on every process, from rank 0's generator; without processes, change nothing."""
    if not _distributed():
        yield
        return
    seed = torch.randint(2**31, ()).to(device)
    distributed.broadcast(seed, src=0)
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(int(seed))
        yield


def _distributed() -> bool:
    return distributed.is_available() and distributed.is_initialized()
