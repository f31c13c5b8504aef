"""The LightningDataModule over a packed store; every dataset is one yaml that configures it."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from src.data.loading.label_masks import LabelMasks, Masks
from src.data.loading.pixels import normalise, normalise_unit_range, to_unit_range
from src.data.loading.resident import ResidentSplit
from src.data.loading.sampler import EpochSampler
from src.data.loading.split import PackedSplit, hold_out
from src.data.store.reader import PackedStore
from src.data.transforms.base import Transform
from src.data.transforms.chain import Chain
from src.foundation.errors import UserError
from src.tasks.base import Task

Validation = Literal["test", "val", "holdout", "none"]


class DenseDataModule(pl.LightningDataModule):
    """Feeds batches of an image and one target per task from a packed store.

    Args:
        store: the open store.
        tasks: the tasks whose labels are read.
        batch_size: images per process and step.
        augmentation: transforms of training batches, applied in order on the device, before images are normalised.
        validation: what to validate on: ``test`` (logged, never selected on), ``val``, ``holdout`` or ``none``.
        holdout: share of the training split that is held out, by a fixed draw, when validation is ``holdout``.
        workers: processes that load; 0 loads in the training process.
        resident: whether all data lies on the device, in its stored types, and is gathered there; no workers then.
        seed: of the order of training images.
        supervision: which labels training batches keep, over the whole training split; None keeps all. What is
            validated or tested on keeps its labels.
        channels_last: whether images lie in memory with their channels last, the networks' memory format.
    """

    def __init__(
        self,
        store: PackedStore,
        tasks: Mapping[str, Task],
        batch_size: int,
        augmentation: Sequence[Transform] = (),
        validation: Validation = "test",
        holdout: float = 0.1,
        workers: int = 0,
        resident: bool = False,
        seed: int = 0,
        supervision: Masks | None = None,
        channels_last: bool = True,
    ) -> None:
        super().__init__()
        self.store, self.tasks, self.augmentation = store, dict(tasks), Chain(augmentation)
        self.batch_size, self.workers, self.seed = batch_size, 0 if resident else workers, seed
        if validation not in get_args(Validation):
            raise UserError(f"dataset.validation={validation} is unknown", f"choose one of {get_args(Validation)}")
        self.validation = validation
        modalities = {"image": "image"} | {name: task.modality.name for name, task in tasks.items()}
        self.train_set = PackedSplit(store, "train", modalities)
        self.test_set = PackedSplit(store, "test", modalities)
        self.val_set = PackedSplit(store, "val", modalities) if validation == "val" else None
        splits = {split.split: split for split in (self.train_set, self.test_set, self.val_set) if split}
        self.resident = {name: ResidentSplit(split) for name, split in splits.items()} if resident else {}
        self.held_out = hold_out(len(self.train_set), holdout) if validation == "holdout" else []
        self.train_indices = sorted(set(range(len(self.train_set))) - set(self.held_out))
        self._require_batches(world=1)
        self.label_masks = LabelMasks(supervision, self.tasks, self.train_indices) if supervision is not None else None
        self.channels_last = channels_last
        self.train_batch: tuple[int, ...] = ()
        """Indices in the training split of the images in the present training batch."""

    def train_dataloader(self) -> DataLoader[Any]:
        """Load training batches in an order drawn from seed and epoch; an incomplete last batch is left out.

        Raises:
            UserError: the processes share too few images for a batch each.
        """
        self._require_batches(self.trainer.world_size if self.trainer else 1)
        return self._loader(self.train_set, self.train_indices, train=True)

    def val_dataloader(self) -> DataLoader[Any] | list[Any]:
        """Load what is validated on; nothing where ``validation`` is ``none``."""
        if self.validation == "holdout":
            return self._loader(self.train_set, self.held_out, train=False)
        if self.val_set is not None:
            return self._loader(self.val_set, list(range(len(self.val_set))), train=False)
        return self.test_dataloader() if self.validation == "test" else []

    def test_dataloader(self) -> DataLoader[Any]:
        """Load the test split, each image in exactly one process."""
        return self._loader(self.test_set, list(range(len(self.test_set))), train=False)

    def on_before_batch_transfer(self, batch: dict[str, Tensor], dataloader_idx: int) -> dict[str, Tensor]:
        """Remember which images are trained on, while their indices are on the host."""
        if self.trainer is not None and self.trainer.training:
            self.train_batch = tuple(batch["index" if "index" in batch else self.train_set.split].numpy().tolist())
        return batch

    def describe_images(self, indices: Sequence[int]) -> str:
        """Name images of the training split by index and frame, and the store."""
        frames = self.store.manifest.splits[self.train_set.split].frames
        named = [str(i) if i >= len(frames) or frames[i] == str(i) else f"{i} ({frames[i]})" for i in indices]
        return f"{', '.join(named)} of {self.store.root}"

    def on_after_batch_transfer(self, batch: dict[str, Tensor], dataloader_idx: int) -> dict[str, Tensor]:
        """Prepare a batch on the device; when training, hide labels that are not kept, augment and number the views."""
        for name in batch.keys() & self.resident.keys():
            batch = self.resident[name].gather(batch[name])
        if self.trainer is None or not self.trainer.training:
            return self.prepare(batch)
        targets = self._targets(batch)
        labelled = self.label_masks(targets, batch["index"]) if self.label_masks else targets
        pictures = {"image": to_unit_range(batch["image"]), "view": batch["index"]}
        augmented = self.augmentation(pictures | labelled, self.tasks)
        return augmented | {"image": self._in_memory_format(normalise_unit_range(augmented["image"]))}

    def training_images(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield index (N) and network input (N, 3, H, W) of the images that are trained on, in order, not augmented."""
        for start in range(0, len(self.train_indices), self.batch_size):
            rows = self.train_indices[start : start + self.batch_size]
            stored = self.train_set.__getitems__(rows)
            yield stored["index"], self._image(stored)

    def prepare(self, stored: dict[str, Tensor]) -> dict[str, Tensor]:
        """Turn stored values into network input (N, 3, H, W) and one target per task."""
        return {"image": self._image(stored)} | self._targets(stored)

    def _image(self, stored: dict[str, Tensor]) -> Tensor:
        return self._in_memory_format(normalise(stored["image"]))

    def _targets(self, stored: dict[str, Tensor]) -> dict[str, Tensor]:
        return {name: task.target(stored[name]) for name, task in self.tasks.items()}

    def _in_memory_format(self, image: Tensor) -> Tensor:
        return image.contiguous(memory_format=torch.channels_last if self.channels_last else torch.contiguous_format)

    def _require_batches(self, world: int) -> None:
        """Raise UserError unless each of ``world`` processes has a full batch of training images."""
        each = len(self.train_indices) // world
        if each < self.batch_size:
            raise UserError(
                f"a batch of {self.batch_size} is larger than the {each} training images of each process",
                mend=f"dataset.batch_size={max(each, 1)}",
            )

    def _loader(self, dataset: PackedSplit, indices: list[int], train: bool) -> DataLoader[Any]:
        """Build the loader of this process's share of ``indices``, shuffled and in full batches for training."""
        rank, world = (self.trainer.global_rank, self.trainer.world_size) if self.trainer else (0, 1)
        sampler = EpochSampler(indices, shuffle=train, seed=self.seed, rank=rank, world=world)
        if self.trainer:
            # Lightning makes the first iterator, for which workers read ahead, before it sets the sampler's epoch; and
            # in a resumed run ``current_epoch`` is the last finished one until training starts
            sampler.set_epoch(self.trainer.fit_loop.epoch_progress.current.processed)  # type: ignore[attr-defined]
        return DataLoader(
            self.resident.get(dataset.split, dataset),
            batch_size=self.batch_size,
            sampler=sampler,
            generator=torch.Generator(),  # so that making an iterator takes nothing from the global one, which augments
            drop_last=train,
            num_workers=self.workers,
            persistent_workers=self.workers > 0,
            pin_memory=torch.cuda.is_available(),
            collate_fn=_as_it_is,
        )


def open_store(root: str | Path, size: tuple[int, int]) -> PackedStore:
    """Open the store at ``root`` and check that it holds images of ``size`` (H, W)."""
    store = PackedStore.open(Path(root))
    if tuple(store.manifest.size) != tuple(size):
        raise UserError(
            f"the store {root} holds images of {store.manifest.size[0]}x{store.manifest.size[1]}",
            f"dataset.size is {size[0]}x{size[1]}",
            f"python -m src.prepare dataset={store.manifest.dataset} 'dataset.size=[{size[0]},{size[1]}]'",
        )
    return store


def _as_it_is(batch: Any) -> Any:
    return batch
