"""A split that lies on the device as it is stored, so that a step waits for no loading and no transfer."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from src.data.loading.split import PackedSplit


class ResidentSplit(Dataset[dict[str, Tensor]]):
    """Loads indices alone, under the split's name, and gathers their rows on the indices' device.

    The arrays are copied to a device, in their stored types, when rows are first gathered there.
    """

    def __init__(self, split: PackedSplit) -> None:
        self.split = split
        self.arrays: dict[str, Tensor] = {}

    def __len__(self) -> int:
        """Count the images."""
        return len(self.split)

    def __getitems__(self, indices: Sequence[int]) -> dict[str, Tensor]:
        """Return the indices (N) of a batch."""
        return {self.split.split: torch.as_tensor(indices)}

    def gather(self, index: Tensor) -> dict[str, Tensor]:
        """Return the rows at ``index`` (N) on its device, equal to those that the split reads."""
        if not self.arrays or next(iter(self.arrays.values())).device != index.device:
            whole = {name: torch.from_numpy(np.array(array)) for name, array in self.split.arrays.items()}
            self.arrays = {name: array.to(index.device) for name, array in whole.items()}
        return {name: array[index] for name, array in self.arrays.items()} | {"index": index}
