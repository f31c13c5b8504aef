"""Faults that were found by reading, each kept from coming back."""

from pathlib import Path

import pytest
import torch
from torch import nn

from src.app.assemble import Assembled, assemble
from src.app.command import read_checked
from src.app.composing import composed_values
from src.app.configuration.train import TrainConfig
from src.training.callbacks.progress import LossBar
from tests.conftest import TINY, Workspace


def assembled(root: Path, *overrides: str) -> Assembled:
    values = composed_values("train", [*TINY, f"paths.data={root}/data", f"paths.runs={root}/runs", *overrides])
    return assemble(read_checked(TrainConfig, values, [], None), values)


@pytest.mark.parametrize("precision", ["bf16-mixed", "32-true"])
@pytest.mark.parametrize("algorithm", ["norm", "value"])
def test_the_default_fused_adam_clips_gradients(trained: Workspace, precision: str, algorithm: str) -> None:
    clipped = ("trainer.gradient_clip_val=1e-9", f"trainer.gradient_clip_algorithm={algorithm}")
    options = (f"trainer.precision={precision}", "distillation=none", "pictures.count=0", "optimiser.eps=1e-3")
    before, after = (
        torch.load(trained.train("stage=student", *options, *more) / "weights.pt", weights_only=True)["state_dict"]
        for more in (("optimiser.lr=1e-12",), clipped)
    )
    kernels = [key for key, value in before.items() if value.ndim == 4]
    # with gradients of 1e-9 and an epsilon of 1e-3 no step goes anywhere
    assert all(torch.allclose(before[key], after[key], atol=1e-6) for key in kernels)


@pytest.mark.parametrize("name", ["uncertainty", "imtl_l"])
def test_learned_loss_weights_do_not_decay(trained: Workspace, name: str) -> None:
    run = trained.train(
        "stage=student", "distillation=none", f"loss_weights={name}", "optimiser=adamw", "optimiser.weight_decay=0.5"
    )
    groups = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["optimizer_states"][0]["param_groups"]
    assert {group["name"]: group["weight_decay"] for group in groups} == {"network": 0.5, "weighting": 0.0}


@pytest.mark.parametrize("channels_last", [True, False])
@pytest.mark.parametrize("distillation", ["matched", "online"])
def test_the_memory_format_reaches_images_student_and_teachers(
    trained: Workspace, channels_last: bool, distillation: str
) -> None:
    options = ("stage=student", f"distillation={distillation}", f"channels_last={str(channels_last).lower()}")
    run = assembled(trained.root, *options)
    assert run.distillation is not None
    networks = [run.network, *run.distillation.teacher_networks()]
    kernels = [
        layer.weight
        for network in networks
        for layer in network.modules()
        if isinstance(layer, nn.Conv2d) and layer.kernel_size != (1, 1) and layer.in_channels > 1
    ]
    assert len(networks) == 4
    assert all(k.is_contiguous(memory_format=torch.channels_last) == channels_last for k in kernels)
    image = run.data.prepare(run.data.train_set.__getitems__([0, 1]))["image"]
    assert image.is_contiguous(memory_format=torch.channels_last) == channels_last


def test_the_bar_counts_epochs_as_the_log_lines_do(monkeypatch: pytest.MonkeyPatch) -> None:
    bar = LossBar()
    monkeypatch.setattr(bar, "_trainer", type("Trainer", (), {"max_epochs": 3})())
    assert bar._get_train_description(0) == "Epoch 1/3"
    assert bar._get_train_description(2) == "Epoch 3/3"


def test_an_image_size_that_does_not_fit_is_told_before_data_are_drawn(workspace: Workspace) -> None:
    result = workspace.call("train", *TINY, "stage=student", "distillation=none", "dataset.size=[30,48]")
    assert result.code == 1
    assert "mend: dataset.size=[32,48]" in result.out
    assert not (workspace.root / "data").exists()
