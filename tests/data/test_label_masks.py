"""Partly labelled data: which labels are drawn, and that training, and training alone, sees no others."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from src.data.labels.base import LabelSet
from src.tasks.depth import Depth
from src.tasks.normal import Normal
from src.tasks.semantic import Semantic
from torch import Tensor

from src.data.loading.label_masks import LabelMasks, draw_labels
from src.data.loading.module import DenseDataModule
from src.data.loading.pixels import denormalise
from src.data.store.pack import pack
from src.data.store.reader import PackedStore
from src.data.transforms.scale_flip import ScaleFlip
from src.foundation.errors import UserError
from src.tasks.base import Task
from src.visual.palette import spread_colours

TASKS: dict[str, Task] = {"semantic": Semantic(13), "depth": Depth(), "normal": Normal()}
COUNT, SIZE = 22, (8, 12)
SCALES = (1.0, 1.2, 1.5)
NOT_AT_ALL, MUCH = (), (ScaleFlip(SCALES, flip=0.5),)


@dataclass
class Numbered:
    """Frames that show their number in the image and in every label, which no flip or crop hides."""

    description: str = "numbered"
    labels: dict[str, LabelSet] = field(default_factory=lambda: {"label13": LabelSet(("a", "b"), spread_colours(2))})
    units: dict[str, str] = field(default_factory=lambda: {"depth": "m"})

    def frames(self, split: str) -> list[str]:
        return [f"{split}-{i}" for i in range({"train": COUNT, "test": 5}[split])]

    def read(self, split: str, index: int, size: tuple[int, int]) -> dict[str, np.ndarray]:
        return {
            "image": np.full((*size, 3), index, np.uint8),
            "label13": np.full(size, index % 2),
            "depth": np.full(size, index + 1, np.float32),
            "normal": np.broadcast_to(_normal(index), (*size, 3)),
        }


def _normal(index: int) -> np.ndarray:
    return np.array([0.0, np.sin(0.05 * index), np.cos(0.05 * index)])


class Recorder(pl.LightningModule):
    """Keeps the batches that it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.train_batches: list[dict[str, Tensor]] = []
        self.val_batches: list[dict[str, Tensor]] = []
        self.test_batches: list[dict[str, Tensor]] = []

    def configure_optimizers(self) -> None:
        return None

    def training_step(self, batch: dict[str, Tensor], batch_index: int) -> None:
        self.train_batches.append(batch)

    def validation_step(self, batch: dict[str, Tensor], batch_index: int) -> None:
        self.val_batches.append(batch)

    def test_step(self, batch: dict[str, Tensor], batch_index: int) -> None:
        self.test_batches.append(batch)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> PackedStore:
    return pack(Numbered(), tmp_path_factory.mktemp("data") / "numbered", SIZE, workers=0, dataset="numbered")


def record(data: DenseDataModule, folder: Path, epochs: int = 2) -> Recorder:
    torch.manual_seed(5)
    recorder = Recorder()
    trainer = pl.Trainer(
        accelerator="cpu", max_epochs=epochs, default_root_dir=folder, logger=False,
        enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
    )  # fmt: skip
    trainer.fit(recorder, data)
    trainer.test(recorder, data, verbose=False)
    return recorder


def numbers(batch: dict[str, Tensor]) -> list[int]:
    """Read off the images which they are."""
    shown = torch.stack([denormalise(image) for image in batch["image"]]).flatten(1)
    assert (shown == shown[:, :1]).all()
    return shown[:, 0].tolist()


def has_label(name: str, target: Tensor, number: int) -> bool:
    """Say whether an image's own label is there, or nothing is; anything else fails."""
    invalid = -1 if name == "semantic" else 0
    if (target == invalid).all():
        return False
    if name == "semantic":
        assert (target == number % 2).all()
    elif name == "depth":
        assert any(torch.allclose(target, torch.tensor((number + 1) / scale)) for scale in SCALES)
    else:
        expected = torch.from_numpy(_normal(number)).float().view(3, 1, 1)
        torch.testing.assert_close(target, expected.expand_as(target), atol=1e-3, rtol=0)
    return True


def labelled(batches: list[dict[str, Tensor]], name: str) -> dict[int, set[bool]]:
    """Say of each image that was seen whether it had a label of a task, each time."""
    seen: dict[int, set[bool]] = {}
    for batch in batches:
        for i, number in enumerate(numbers(batch)):
            seen.setdefault(number, set()).add(has_label(name, batch[name][i], number))
    return seen


def test_full_keeps_every_label() -> None:
    masks = draw_labels(50, list(TASKS), "full", seed=0)
    assert masks.keys() == TASKS.keys()
    assert all(mask.shape == (50,) and mask.all() for mask in masks.values())


def test_one_keeps_one_label_of_each_image_and_every_task_as_often() -> None:
    kept = np.stack(list(draw_labels(3000, list(TASKS), "one", seed=0).values()))
    assert (kept.sum(0) == 1).all()
    assert kept.mean(1) == pytest.approx(1 / 3, abs=0.03)


def test_random_keeps_subsets_of_all_sizes_alike() -> None:
    names = ["semantic", "depth", "normal", "edges"]
    kept = np.stack(list(draw_labels(6000, names, "random", seed=0).values()))
    sizes = kept.sum(0)
    assert np.bincount(sizes, minlength=5) / 6000 == pytest.approx([0, 0.25, 0.25, 0.25, 0.25], abs=0.02)
    for size in (1, 2, 3):
        assert kept[:, sizes == size].mean(1) == pytest.approx(size / 4, abs=0.05)


@pytest.mark.parametrize("supervision", ["random", "one"])
def test_the_draw_is_a_function_of_count_tasks_and_seed(supervision) -> None:
    first = draw_labels(200, list(TASKS), supervision, seed=3)
    torch.manual_seed(99)
    again, other = draw_labels(200, list(TASKS)[::-1], supervision, 3), draw_labels(200, list(TASKS), supervision, 4)
    assert all(np.array_equal(first[name], again[name]) for name in TASKS)
    assert not all(np.array_equal(first[name], other[name]) for name in TASKS)


def test_drawing_takes_nothing_from_the_global_generator() -> None:
    before = torch.get_rng_state()
    draw_labels(20, list(TASKS), "random", seed=0)
    assert torch.equal(torch.get_rng_state(), before)


def test_an_unknown_word_is_told_with_the_choices() -> None:
    with pytest.raises(UserError, match="labels=half is unknown") as error:
        draw_labels(9, list(TASKS), "half", seed=0)  # type: ignore[arg-type]
    assert "full, random, one" in str(error.value)


@pytest.mark.parametrize("augmentation", [NOT_AT_ALL, MUCH], ids=["plain", "augmented"])
@pytest.mark.parametrize("supervision", ["random", "one"])
@pytest.mark.parametrize("validation", ["test", "holdout"])
def test_training_sees_the_kept_labels_alone(store, supervision, validation, augmentation, tmp_path) -> None:
    masks = draw_labels(COUNT, list(TASKS), supervision, seed=0)
    options = {"validation": validation, "holdout": 0.25, "supervision": masks}
    data = DenseDataModule(store, TASKS, 4, augmentation, **options)
    recorder = record(data, tmp_path, epochs=4)
    assert {frozenset(batch) - {"view"} for batch in recorder.train_batches} == {frozenset(("image", *TASKS))}
    for name in TASKS:
        seen = labelled(recorder.train_batches, name)
        assert seen == {number: {bool(masks[name][number])} for number in data.train_indices}
        evaluated = data.held_out if validation == "holdout" else range(5)
        assert labelled(recorder.val_batches, name) == {number: {True} for number in evaluated}
        assert labelled(recorder.test_batches, name) == {number: {True} for number in range(5)}


def test_a_teacher_sees_the_labels_that_the_student_keeps(store, tmp_path) -> None:
    masks = draw_labels(COUNT, list(TASKS), "one", seed=1)
    student = record(DenseDataModule(store, TASKS, 2, NOT_AT_ALL, supervision=masks), tmp_path)
    for name in TASKS:
        alone = DenseDataModule(store, {name: TASKS[name]}, 2, NOT_AT_ALL, supervision=masks)
        teacher = record(alone, tmp_path)
        assert labelled(teacher.train_batches, name) == labelled(student.train_batches, name)


def test_keeping_all_labels_changes_no_bit(store, tmp_path) -> None:
    masks = draw_labels(COUNT, list(TASKS), "full", seed=0)
    plain, full = (
        record(DenseDataModule(store, TASKS, 4, MUCH, supervision=kept), tmp_path).train_batches
        for kept in (None, masks)
    )
    assert all(torch.equal(a[key], b[key]) for a, b in zip(plain, full, strict=True) for key in a)
    assert all(a[key].dtype == b[key].dtype for a, b in zip(plain, full, strict=True) for key in a)


def test_workers_agree(store, tmp_path) -> None:
    masks = draw_labels(COUNT, list(TASKS), "random", seed=0)
    here, there = (
        record(DenseDataModule(store, TASKS, 4, MUCH, workers=workers, supervision=masks), tmp_path).train_batches
        for workers in (0, 2)
    )
    assert len(here) == 10
    assert all(torch.equal(a[key], b[key]) for a, b in zip(here, there, strict=True) for key in a)


@pytest.mark.parametrize("name", TASKS)
def test_loss_is_that_of_the_labelled_images_and_0_without_any(store, name) -> None:
    task = TASKS[name]
    masks = {name: np.arange(COUNT) % 2 == 0}
    kept, data = LabelMasks(masks, {name: task}, range(COUNT)), DenseDataModule(store, TASKS, 4, NOT_AT_ALL)

    def loss(rows: list[int], shown: list[int]) -> tuple[Tensor, Tensor]:
        raw = torch.randn(COUNT, task.channels, *SIZE, generator=torch.Generator().manual_seed(0)).requires_grad_()
        stored = data.train_set.__getitems__(rows)
        hidden = kept(data.prepare(stored), stored["index"])
        value = task.loss(raw[rows][shown], hidden[name][shown])
        return value, torch.autograd.grad(value, raw)[0]

    without, gradient = loss([5, 1], [0, 1])
    assert without == 0
    assert torch.equal(gradient, torch.zeros_like(gradient))
    some, gradient = loss([5, 2, 7, 0], [0, 1, 2, 3])
    torch.testing.assert_close((some, gradient), loss([5, 2, 7, 0], [1, 3]))
    assert some > 0


def test_hiding_never_looks_at_values() -> None:
    # tensors without data: whatever needs a value on the host, or a shape that depends on values, fails
    masks = draw_labels(COUNT, list(TASKS), "one", seed=0)
    shapes = {"image": (4, 3, *SIZE), "semantic": (4, *SIZE), "depth": (4, 1, *SIZE), "normal": (4, 3, *SIZE)}
    batch = {name: torch.empty(shape, device="meta") for name, shape in shapes.items()}
    hidden = LabelMasks(masks, TASKS, range(COUNT))(batch, torch.empty(4, dtype=torch.long, device="meta"))
    assert {name: value.shape for name, value in hidden.items()} == shapes


def test_a_task_that_the_draw_passed_over_is_named(store) -> None:
    masks = draw_labels(COUNT, ["semantic", "depth"], "one", seed=0)
    with pytest.raises(UserError, match="their label of normal") as error:
        DenseDataModule(store, TASKS, 4, NOT_AT_ALL, supervision=masks)
    assert "depth, semantic alone" in str(error.value)


def test_a_task_without_any_label_to_train_on_is_named(store) -> None:
    masks = draw_labels(COUNT, list(TASKS), "full", seed=0)
    data = DenseDataModule(store, TASKS, 4, NOT_AT_ALL, validation="holdout", supervision=masks)
    masks["depth"] = np.isin(np.arange(COUNT), data.held_out)
    with pytest.raises(UserError, match="no training image keeps its label of depth"):
        DenseDataModule(store, TASKS, 4, NOT_AT_ALL, validation="holdout", supervision=masks)
