"""Which images a process gets, in which order, as a function of seed, epoch and rank alone."""

from collections.abc import Iterator, Sequence

import torch
from torch.utils.data import Sampler


class EpochSampler(Sampler[int]):
    """A seeded permutation per epoch, sharded over processes.

    For training every process gets equally many images and the remainder is left out; for evaluation every
    image is seen by exactly one process, so that metrics are exact.
    """

    def __init__(self, indices: Sequence[int], shuffle: bool, seed: int, rank: int = 0, world: int = 1) -> None:
        self.indices = list(indices)
        self.shuffle = shuffle
        self.seed, self.epoch = seed, 0
        self.rank, self.world = rank, world

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose permutation is drawn."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[int]:
        """Yield this process's indices for the epoch."""
        order = self.indices
        if self.shuffle:
            generator = torch.Generator().manual_seed(self.seed * 1_000_003 + self.epoch)
            order = [order[i] for i in torch.randperm(len(order), generator=generator).tolist()]
            order = order[: len(order) // self.world * self.world]
        return iter(order[self.rank :: self.world])

    def __len__(self) -> int:
        """Count this process's images."""
        if self.shuffle:
            return len(self.indices) // self.world
        return len(range(self.rank, len(self.indices), self.world))
