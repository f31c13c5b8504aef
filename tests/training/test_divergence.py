"""What is not a finite number ends a run with the same message, whatever weighs the losses."""

from collections.abc import Callable
from copy import deepcopy
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from src.app.conf import option
from src.benchmarking.subject import Setting, Subject, build_subject, fit
from src.loss_weights.base import LOSS_WEIGHTS
from src.tasks.scalar import Scalar
from src.training.finiteness import SKIPPED_IN_A_ROW, DivergenceError, FiniteWatch
from tests.conftest import TINY
from tests.loss_weights.test_loss_weights import EVERY

STEPS = 4
Loss = Callable[[Scalar, Tensor, Tensor], Tensor]
LAGS = pytest.mark.parametrize("lags", [False, True], ids=["at once", "later"])
"""Whether values are looked at as on a CPU, or as on a device that must not be waited for."""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("divergence") / "rooms"


@cache
def composed(store: Path, stage: str, options: tuple[str, ...]) -> Subject:
    overrides = [*(o for o in TINY if not o.startswith("trainer.max")), f"dataset.root={store}", *options]
    return build_subject(stage, Setting(4, "32-true", False, "resident"), overrides)


def subject_of(store: Path, lags: bool, *options: str, stage: str = "multi-task", weighting: str = "") -> Subject:
    subject = deepcopy(composed(store, stage, options))  # composing takes longer than these few steps
    subject.module.finite.lags = lags
    if weighting:
        subject.module.weighting = LOSS_WEIGHTS.build(option("loss_weights", weighting), list(subject.assembled.tasks))
    return subject


def diverged(subject: Subject, steps: int = STEPS) -> DivergenceError:
    with pytest.raises(DivergenceError) as raised:
        fit(subject, pl.Callback(), steps)
    return raised.value


def spoil(monkeypatch: pytest.MonkeyPatch, calls: int, wrong: Callable[[Tensor], Tensor]) -> None:
    """Add ``wrong`` of the head's output to the loss of depth from so many calls on."""
    right, count = Scalar.loss, [0]

    def loss(self: Scalar, raw: Tensor, target: Tensor) -> Tensor:
        count[0] += 1
        return right(self, raw, target) + (wrong(raw) if count[0] >= calls else 0.0)

    monkeypatch.setattr(Scalar, "loss", loss)


def assert_finite(module: nn.Module) -> None:
    assert all(bool(value.isfinite().all()) for value in [*module.parameters(), *module.buffers()])


def gradient_alone(raw: Tensor) -> Tensor:
    """0, with a gradient that is NaN."""
    return (raw.float() * 0).sum().sqrt()


@LAGS
@pytest.mark.parametrize("name", EVERY)
def test_a_rate_that_is_too_large_ends_in_one_message(store: Path, name: str, lags: bool) -> None:
    error = diverged(subject_of(store, lags, "optimiser.lr=1e30", weighting=name))
    assert "the loss of semantic, depth, normal is NaN in epoch 1, step 2" in str(error)
    assert "optimiser.lr" in error.mend


@pytest.mark.parametrize("name", EVERY)
def test_a_gradient_alone_that_is_not_finite_is_found(store: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    spoil(monkeypatch, 5 if name == "sdmgrad" else 3, gradient_alone)
    again = 2 if name == "famo" else 3  # which computes the losses after each step once more
    error = diverged(subject_of(store, True, weighting=name))
    assert "the gradient of network." in error.what
    assert f"in epoch 1, step {again}" in error.what


@LAGS
@pytest.mark.parametrize("stage", ["teacher", "multi-task", "distilled"])
@pytest.mark.parametrize(("value", "word"), [(torch.nan, "NaN"), (torch.inf, "infinite")])
def test_the_task_the_step_and_the_images_are_named(
    store: Path, stage: str, value: float, word: str, lags: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil(monkeypatch, 2, lambda raw: raw.sum() * 0 + value)
    options = ["task=depth"] if stage == "teacher" else []
    subject = subject_of(store, lags, *options, stage=stage)
    seen: list[tuple[int, ...]] = []
    begin = subject.module.finite.begin
    subject.module.finite.begin = lambda epoch, step, images: (seen.append(images), begin(epoch, step, images))[1]
    error = diverged(subject)
    assert f"the loss of depth is {word} in epoch 1, step 2" in error.what
    assert len(seen[1]) == 4
    assert str(seen[1]) in error.why


@LAGS
def test_a_distillation_loss_is_named(store: Path, lags: bool) -> None:
    subject = subject_of(store, lags, stage="distilled")
    assert subject.assembled.distillation is not None
    with torch.no_grad():
        next(subject.assembled.distillation.teacher_networks()[1].parameters()).fill_(torch.nan)
    assert "the distillation loss of depth is NaN in epoch 1, step 1" in diverged(subject).what


def test_weights_are_looked_at_before_they_are_kept(store: Path) -> None:
    """An update can be what is wrong, and no further loss shows it after the last step."""
    subject = subject_of(store, True)

    class Spoil(pl.Callback):
        def on_train_batch_end(self, trainer: pl.Trainer, module: pl.LightningModule, *args: object) -> None:
            if trainer.global_step == 2:
                with torch.no_grad():
                    next(subject.module.network.heads["normal"].parameters()).fill_(torch.inf)

    with pytest.raises(DivergenceError, match=r"the weight network\.heads\.normal.* is infinite"):
        fit(subject, Spoil(), 2)


@pytest.mark.parametrize("missing", [("depth",), ("semantic", "depth", "normal")], ids=["one", "all"])
@pytest.mark.parametrize("name", EVERY)
def test_a_batch_without_a_valid_pixel_is_trained_on(store: Path, name: str, missing: tuple[str, ...]) -> None:
    subject = subject_of(store, False, weighting=name)
    tasks = subject.assembled.tasks
    batches = [0]

    def hide(batch: dict[str, Tensor], index: Tensor) -> dict[str, Tensor]:
        batches[0] += 1
        hidden = missing if batches[0] % 2 else ()
        return batch | {task: torch.full_like(batch[task], tasks[task].invalid) for task in hidden}

    subject.data.label_masks = hide  # type: ignore[assignment]
    fit(subject, pl.Callback(), STEPS)
    assert batches[0] == STEPS
    assert_finite(subject.module)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_label_that_is_not_finite_counts_as_invalid(store: Path, value: float) -> None:
    subject = subject_of(store, False)
    arrays = subject.data.train_set.arrays
    for task in ("depth", "normal"):
        arrays[task] = np.array(arrays[task])
        arrays[task][::2] = value
    fit(subject, pl.Callback(), STEPS)
    assert_finite(subject.module)


def test_steps_that_fp16s_scaler_skips_are_no_divergence_until_it_never_stops() -> None:
    watch, weight = FiniteWatch(), nn.Parameter(torch.ones(3))

    def step(gradient: float) -> None:
        weight.grad = torch.full((3,), gradient)
        watch.gradients({"weight": weight}, scaled=True)

    for gradient in [torch.inf] * (SKIPPED_IN_A_ROW - 1) + [1.0] + [torch.nan] * (SKIPPED_IN_A_ROW - 1):
        step(gradient)
    with pytest.raises(DivergenceError, match="in a row"):
        step(torch.nan)
