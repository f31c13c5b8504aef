"""A training step lets the host run ahead: nothing in it fetches a value or brings a constant to the device."""

import traceback
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from src.benchmarking.subject import Setting, build_subject, fit
from src.training.finiteness import LAG, FiniteWatch, Observation
from tests.conftest import TINY

ATEN = torch.ops.aten
FETCHES = (ATEN._local_scalar_dense, ATEN.nonzero, ATEN.masked_select, ATEN.equal, ATEN._unique2)
INDEXING = (ATEN.index, ATEN.index_put, ATEN.index_put_)
ON_THE_HOST = "__getitems__"  # where batches are drawn, before they are on the device


class Waits(TorchDispatchMode):
    """Notes every operation for which a GPU's host would wait: fetched values, masks as indices, new constants."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        packet = func.overloadpacket
        masks = packet in INDEXING and any(i is not None and i.dtype == torch.bool for i in args[1])
        if packet in FETCHES or packet is ATEN.lift_fresh or masks:
            frames = traceback.extract_stack()
            if not any(frame.name == ON_THE_HOST for frame in frames):
                ours = [f"{Path(f.filename).name}:{f.lineno}" for f in frames if "/src/" in f.filename]
                self.found.append(f"{func} in {' > '.join(ours)}")
        return func(*args, **(kwargs or {}))


class Watch(pl.Callback):
    """Watches all steps but the first, which registers what is logged and brings constants to the device."""

    def __init__(self) -> None:
        self.waits = Waits()

    def on_train_batch_end(self, trainer: pl.Trainer, module: pl.LightningModule, *args: Any) -> None:
        if trainer.global_step == 1:
            self.waits.__enter__()

    def on_train_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        self.waits.__exit__(None, None, None)


def waits_of(root: Path, stage: str, *options: str, steps: int = 4) -> list[str]:
    overrides = [*(o for o in TINY if not o.startswith("trainer.max")), f"dataset.root={root}/rooms", *options]
    subject = build_subject(stage, Setting(2, "32-true", False, "resident"), overrides)
    subject.module.finite.lags = True  # as on a device; a CPU is never waited for
    watch = Watch()
    fit(subject, watch, steps)
    return watch.waits.found


@pytest.mark.parametrize(
    ("stage", "options"),
    [
        ("teacher", ()),
        ("multi-task", ("loss_weights=uncertainty", "augmentation=[scale_flip,resized_crop,colour,blur,noise]")),
        ("multi-task", ("loss_weights=dwa", "labels=one")),
        ("multi-task", ("loss_weights=gradnorm",)),
        ("distilled", ()),
        ("distilled", ("distillation=output", "optimiser=adamw")),
        ("distilled", ("distillation.teacher_dropout=0.5", "distillation.adaptive_weights=0.5", "distance=channel_kl")),
        ("distilled", ("teacher_cache=1", "distillation.standardise=phi_s", "adaptor=mlp")),
        ("distilled", ("distillation=online",)),
    ],
    ids=str,
)
def test_no_step_waits_for_the_device(tmp_path: Path, stage: str, options: tuple[str, ...]) -> None:
    assert waits_of(tmp_path, stage, *options) == []


def test_what_is_not_finite_is_looked_for_long_after_its_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each look at the host's copy comes so late that the device has made it; all are taken at the end."""
    made, looks = [0], []

    def observed(self: FiniteWatch, *args: Any, **options: Any) -> None:
        made[0] += 1
        observe(self, *args, **options)

    def read(self: Observation) -> Any:
        looks.append(made[0] - len(looks))
        return self.codes.numpy()

    observe = FiniteWatch._observe
    monkeypatch.setattr(FiniteWatch, "_observe", observed)
    monkeypatch.setattr(Observation, "read", read)
    assert waits_of(tmp_path, "multi-task", "dataset.source.train=40", steps=16) == []
    assert made[0] == len(looks) > 2 * LAG
    assert looks[: -LAG - 1] == [LAG + 1] * (len(looks) - LAG - 1)


def test_what_waits_is_seen(tmp_path: Path) -> None:
    """Adam without the fused kernel reads its step count, and MGDA's solver looks at the task gradients' products."""
    found = waits_of(tmp_path, "multi-task", "loss_weights=mgda", "optimiser.fused=false")
    assert any("gradient_method.py" in each for each in found)
    assert any("gradient_method.py" not in each for each in found)
