"""Feeding: which images, in which order, on which process, and what a batch holds."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from src.tasks.depth import Depth
from src.tasks.normal import Normal
from src.tasks.semantic import Semantic

from src.data.loading.module import DenseDataModule
from src.data.loading.pixels import denormalise, normalise, normalise_unit_range, to_unit_range
from src.data.loading.sampler import EpochSampler
from src.data.loading.split import PackedSplit, hold_out
from src.data.store.reader import PackedStore
from src.foundation.errors import UserError

TASKS = {"semantic": Semantic(13), "depth": Depth(), "normal": Normal()}


@pytest.fixture
def store(trained_root: Path) -> PackedStore:
    return PackedStore.open(trained_root / "data" / "rooms-32x48")


def make(store: PackedStore, **options) -> DenseDataModule:
    return DenseDataModule(store, TASKS, batch_size=4, **options)


def test_a_batch_is_what_the_store_holds(store: PackedStore) -> None:
    data = make(store)
    batch = data.prepare(data.train_set.__getitems__([3, 1]))
    assert set(batch) == {"image", *TASKS}
    assert batch["image"].shape == (2, 3, 32, 48)
    assert batch["image"].is_contiguous(memory_format=torch.channels_last)
    np.testing.assert_array_equal(denormalise(batch["image"][1]).numpy(), store.array("train", "image")[1])
    np.testing.assert_array_equal(batch["semantic"].numpy(), store.array("train", "label13")[[3, 1]])
    np.testing.assert_array_equal(
        batch["depth"][:, 0].numpy(), store.array("train", "depth")[[3, 1]].astype(np.float32)
    )
    normal = np.moveaxis(store.array("train", "normal")[[3, 1]].astype(np.float32), -1, 1)
    np.testing.assert_allclose(batch["normal"].numpy(), normal, atol=2e-3)


def test_normalisation_is_imagenets() -> None:
    image = torch.tensor([124, 116, 104], dtype=torch.uint8).view(1, 1, 1, 3)
    assert normalise(image).abs().max() < 0.02
    white = normalise(torch.full((1, 1, 1, 3), 255, dtype=torch.uint8)).flatten()
    torch.testing.assert_close(white, (1 - torch.tensor([0.485, 0.456, 0.406])) / torch.tensor([0.229, 0.224, 0.225]))


def test_pictures_that_no_transform_changes_are_normalised_to_the_same_bits() -> None:
    image = torch.arange(256, dtype=torch.uint8).view(1, 1, 256, 1).expand(2, 1, 256, 3)
    pictures = to_unit_range(image)
    assert (pictures.min(), pictures.max()) == (0, 1)
    assert torch.equal(normalise_unit_range(pictures), normalise(image))
    assert torch.equal(normalise_unit_range(pictures.flip(-1)), normalise(image).flip(-1))


def test_order_is_a_function_of_seed_and_epoch() -> None:
    def order(seed: int, epoch: int) -> list[int]:
        sampler = EpochSampler(range(50), shuffle=True, seed=seed)
        sampler.set_epoch(epoch)
        return list(sampler)

    assert order(0, 3) == order(0, 3)
    assert sorted(order(0, 3)) == list(range(50))
    assert len({tuple(order(seed, epoch)) for seed in range(3) for epoch in range(3)}) == 9


@pytest.mark.parametrize("count", [7, 8])
@pytest.mark.parametrize("shuffle", [True, False])
def test_processes_share_the_images(count: int, shuffle: bool) -> None:
    samplers = [EpochSampler(range(count), shuffle=shuffle, seed=0, rank=rank, world=2) for rank in range(2)]
    parts = [list(sampler) for sampler in samplers]
    assert [len(part) for part in parts] == [len(sampler) for sampler in samplers]
    assert not set(parts[0]) & set(parts[1])
    if shuffle:
        assert len(parts[0]) == len(parts[1]) == count // 2
    else:
        assert sorted(parts[0] + parts[1]) == list(range(count))


def test_what_is_held_out_is_never_trained_on_and_always_the_same(store: PackedStore) -> None:
    one, two = make(store, validation="holdout", holdout=0.25), make(store, validation="holdout", holdout=0.25, seed=9)
    assert one.held_out == two.held_out == hold_out(12, 0.25)
    assert len(one.held_out) == 3
    assert sorted(one.held_out + one.train_indices) == list(range(12))
    seen = torch.cat([batch["image"] for batch in one.val_dataloader()])
    np.testing.assert_array_equal(seen.numpy(), store.array("train", "image")[one.held_out])


def test_validation_can_be_left_out(store: PackedStore) -> None:
    assert make(store, validation="none").val_dataloader() == []


def test_a_split_is_sent_to_another_process_without_its_arrays(store: PackedStore) -> None:
    split = PackedSplit(store, "train", {"image": "image"})
    sent = pickle.dumps(split)
    assert len(sent) < store.array("train", "image").nbytes
    torch.testing.assert_close(pickle.loads(sent)[2]["image"], split[2]["image"])


def test_a_split_says_which_images_it_read(store: PackedStore) -> None:
    split = PackedSplit(store, "train", {"image": "image"})
    assert split.__getitems__([3, 1])["index"].tolist() == [3, 1]
    assert split[2]["index"] == 2


@pytest.mark.parametrize("workers", [0, 2])
def test_workers_load_the_same(store: PackedStore, workers: int) -> None:
    loader = make(store, workers=workers).test_dataloader()
    np.testing.assert_array_equal(torch.cat([b["image"] for b in loader]).numpy(), store.array("test", "image"))


def test_labels_that_a_store_lacks_are_named(store: PackedStore) -> None:
    with pytest.raises(UserError, match="no label40"):
        DenseDataModule(store, {"semantic": Semantic(40)}, 4)
