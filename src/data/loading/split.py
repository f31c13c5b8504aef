"""One split of a packed store as a dataset that reads whole batches."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from src.data.store.reader import PackedStore
from src.foundation.errors import UserError


class PackedSplit(Dataset[dict[str, Tensor]]):
    """Reads rows of the memory-mapped arrays, with their indices; no value is converted here.

    Args:
        store: the open store.
        split: ``train`` or ``test``.
        modalities: name in the batch -> array of the store.
    """

    def __init__(self, store: PackedStore, split: str, modalities: Mapping[str, str]) -> None:
        present = store.modalities(split)
        missing = [m for m in modalities.values() if m not in present]
        if missing:
            raise UserError(
                f"the store {store.root} has no {', '.join(missing)}",
                f"its {split} split holds {', '.join(present)}",
                "choose other tasks or classes, or prepare it again from a source that has them",
            )
        self.store, self.split, self.modalities = store, split, dict(modalities)
        self.count = store.count(split)
        self._map()

    def _map(self) -> None:
        self.arrays = {name: self.store.array(self.split, modality) for name, modality in self.modalities.items()}

    def __getstate__(self) -> dict[str, Any]:
        """Leave the maps behind: pickled, each would be a copy of its whole array."""
        return self.__dict__ | {"arrays": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Map the arrays anew in the process that this was sent to."""
        self.__dict__.update(state)
        self._map()

    def __len__(self) -> int:
        """Count the images."""
        return self.count

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        """Read one image and its labels, without a batch dimension."""
        return {name: value[0] for name, value in self.__getitems__([index]).items()}

    def __getitems__(self, indices: Sequence[int]) -> dict[str, Tensor]:
        """Read a batch: (N, ...) per name, gathered straight from the memory maps, and each image's ``index`` (N)."""
        rows = np.array(indices, dtype=np.int64)
        read = {name: torch.from_numpy(np.ascontiguousarray(array[rows])) for name, array in self.arrays.items()}
        return read | {"index": torch.from_numpy(rows)}


def hold_out(count: int, share: float) -> list[int]:
    """Draw the indices that are held out of ``count`` training images; the same for every seed and run."""
    generator = torch.Generator().manual_seed(20200706)
    chosen = torch.randperm(count, generator=generator)[: max(1, round(count * share))]
    return sorted(chosen.tolist())
