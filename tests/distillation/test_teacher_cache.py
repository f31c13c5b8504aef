"""Kept answers of the teachers: training goes as it would without, and no teacher is asked at a step."""

from typing import Any

import pytest
import pytorch_lightning as pl
import torch

from src.benchmarking.subject import Setting, Subject, build_subject, fit
from src.data.transforms.scale_flip import ScaleFlip
from src.distillation.frozen_teachers import FrozenTeachers
from src.distillation.offline_distillation import OfflineDistillation
from src.training.multi_task import MultiTaskModule
from tests.conftest import TINY, Workspace
from tests.tasks.usual import Depth, Normal

STEPS = 8  # of batches of 4 out of 12 images: every image is seen again, flipped or not


def subject_of(workspace: Workspace, *options: str) -> Subject:
    overrides = [*(o for o in TINY if not o.startswith("trainer.max")), f"dataset.root={workspace.root}/rooms"]
    return build_subject("distilled", Setting(4, "32-true", False, "memmap"), [*overrides, *options])


def trained_by(subject: Subject, steps: int = STEPS) -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    fit(subject, pl.Callback(), steps)
    return {name: value.clone() for name, value in subject.module.network.state_dict().items()}


@pytest.mark.parametrize(
    "options",
    [
        ("augmentation=flip",),
        ("augmentation=none", "distillation.output_weight=1"),
        ("augmentation=flip", "distillation.adaptive_weights=0.5", "distillation.levels=[encoder2:decoder]"),
        ("augmentation=flip", "model=mtan", "model.filters=[4,4,4,4,4]", "dataset.size=[32,64]"),
        ("augmentation=flip", "dataset.validation=holdout"),
    ],
    ids=" ".join,
)
def test_training_is_the_same_with_and_without(workspace: Workspace, options: tuple[str, ...]) -> None:
    one, other = subject_of(workspace, *options), subject_of(workspace, *options, "teacher_cache=1")
    plain, kept = trained_by(one), trained_by(other)
    for name, value in plain.items():
        torch.testing.assert_close(kept[name], value, rtol=1e-3, atol=1e-5, msg=name)


def asked(subject: Subject, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Note at every request after the training has begun which teachers it asks."""
    requests: list[list[str]] = []
    plain = FrozenTeachers.features_and_outputs

    def noted(self: FrozenTeachers, image: Any, tasks: Any = (), among: Any = None) -> Any:
        requests.append(list(self.networks) if among is None else list(among))
        return plain(self, image, tasks, among)

    class Begin(pl.Callback):
        def on_train_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
            requests.clear()

    monkeypatch.setattr(FrozenTeachers, "features_and_outputs", noted)
    fit(subject, Begin(), 3)
    return requests


def test_no_teacher_that_is_kept_is_asked_at_a_step(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    assert asked(subject_of(workspace, "teacher_cache=1"), monkeypatch) == [[], [], []]
    everyone = ["semantic", "depth", "normal"]
    assert asked(subject_of(workspace), monkeypatch) == [everyone] * 3


def test_teachers_are_kept_up_to_the_capacity(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    subject = subject_of(workspace, "teacher_cache=1")
    fit(subject, pl.Callback(), 1)
    taken = sum(rows.nbytes for table in offline(subject).cache.tables.values() for rows in table.values())
    of_one = taken / 3 / 2**30
    little = subject_of(workspace, f"teacher_cache={of_one * 2.5}")
    assert asked(little, monkeypatch) == [["normal"]] * 3
    assert "teacher cache: semantic, depth (0.00 GiB); too large for normal" in workspace.capture()
    none = subject_of(workspace, f"teacher_cache={of_one / 2}")
    assert asked(none, monkeypatch) == [["semantic", "depth", "normal"]] * 3
    assert "teacher cache: nothing (0.00 GiB); too large for semantic, depth, normal" in workspace.capture()


def offline(subject: Subject) -> OfflineDistillation:
    assert isinstance(subject.module, MultiTaskModule)
    assert isinstance(subject.module.distillation, OfflineDistillation)
    return subject.module.distillation


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("augmentation=scale_flip", "augmentation=flip"),
        ("distillation=kd4mtl", "teacher_batchnorm=eval"),
        ("distillation=online", "teacher_cache=0"),
        ("teacher_cache=-1", "teacher_cache=-1 is not at least 0"),
        ("teacher_cache=much", "teacher_cache=much is not a number"),
    ],
)
def test_what_cannot_be_kept_is_refused(trained: Workspace, option: str, message: str) -> None:
    result = trained.call("train", *TINY, "stage=student", "teacher_cache=1", option)
    assert result.code == 1
    assert message in result.out
    assert "Traceback" not in result.out


def test_it_is_no_other_method(trained: Workspace) -> None:
    """A run with it is the finished run that reuse finds."""
    settings = ("stage=student", "distance=cosine", "pictures.count=0", "seed=0", "reuse=true")
    trained.train(*settings)
    result = trained.call("train", *TINY, *settings, "teacher_cache=1")
    assert result.code == 0
    assert "already trained" in result.out


def test_views_are_numbered_by_image_and_flip() -> None:
    image = torch.arange(4 * 3 * 2 * 6, dtype=torch.float32).view(4, 3, 2, 6)
    batch = {"image": image, "depth": image[:, :1], "view": torch.tensor([5, 7, 2, 0])}
    tasks = {"depth": Depth()}
    torch.manual_seed(1)
    flipped = ScaleFlip(flip=0.5)(batch, tasks)
    mirrored = torch.tensor([not torch.equal(a, b) for a, b in zip(flipped["image"], image, strict=True)])
    assert 0 < int(mirrored.sum()) < 4
    assert torch.equal(flipped["view"], 2 * batch["view"] + mirrored)
    assert torch.equal(ScaleFlip()(batch, tasks)["view"], batch["view"])
    assert "view" not in ScaleFlip(scales=(1.0, 1.5), flip=0.5)(batch, tasks)
    assert "view" not in ScaleFlip(flip=0.5)({"image": image, "normal": image}, {"normal": Normal()})
