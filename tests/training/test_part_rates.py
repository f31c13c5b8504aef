"""Rates and weight decay of parts of a network, and schedules by step."""

import itertools
import pickle
from collections.abc import Mapping
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim import Optimizer

from src.models.base import MultiTaskNetwork, build_network
from src.training.base import ParameterGroup
from src.training.history import read_history
from src.training.optimisers import OPTIMISERS
from src.training.schedules import Constant, Extent, WarmupCosine, factor_by_step
from tests.app.test_resuming import resume, weights
from tests.conftest import TINY, Workspace

VIT = {"_target_": "timm", "backbone": "vit_tiny_patch16_224", "options": {"img_size": 32}}
SMALL = {"_target_": "small", "filters": [4, 6, 8, 8]}
TEACHER = ("stage=teacher", "task=depth", "pictures.count=0")


def optimiser(network: MultiTaskNetwork, **options: Any) -> Optimizer:
    build = OPTIMISERS.bind({"_target_": "adamw", "lr": 1.0, "weight_decay": 0.1, **options})
    trained = [p for p in network.parameters() if p.requires_grad]
    group = ParameterGroup("network", trained, Constant(), networks=[network])
    built: Optimizer = pickle.loads(pickle.dumps(build))([group.described()])  # as it reaches spawned processes
    return built


def settings(built: Optimizer, module: nn.Module | nn.Parameter) -> set[tuple[float, float]]:
    """Return rate and weight decay of all parameters of a module."""
    own = {id(p) for p in ([module] if isinstance(module, nn.Parameter) else module.parameters())}
    found = [(g["lr"], g["weight_decay"]) for g in built.param_groups for p in g["params"] if id(p) in own]
    assert len(found) == len(own)
    return set(found)


def names(built: Optimizer) -> list[str]:
    return [group["name"] for group in built.param_groups]


@pytest.mark.parametrize("options", [{}, {"layer_decay": 1.0, "decay_norms": True, "head_lr_factor": 1}], ids=str)
def test_by_default_a_network_is_one_group_as_ever(options: Mapping[str, Any]) -> None:
    network = build_network(SMALL, {"depth": 1})
    built = optimiser(network, **options)
    assert names(built) == ["network"]
    assert [id(p) for p in built.param_groups[0]["params"]] == [id(p) for p in network.parameters()]
    assert "places" not in built.state_dict()["param_groups"][0]


def test_backbone_decoder_and_heads_have_rates_of_their_own() -> None:
    network = build_network(SMALL, {"depth": 1})
    built = optimiser(network, backbone_lr_factor=0.1, head_lr_factor=2.0)
    assert names(built) == ["network/backbone", "network/decoder", "network/heads"]
    assert settings(built, network.trunk.encoder) == {(0.1, 0.1)}
    assert settings(built, network.trunk.decoder) == {(1.0, 0.1)}
    assert settings(built, network.heads) == {(2.0, 0.1)}


def test_each_block_of_a_transformer_learns_slower_than_the_next() -> None:
    network = build_network(VIT, {"depth": 1})
    model = network.trunk.model
    built = optimiser(network, layer_decay=0.75, backbone_lr_factor=0.5)
    for number, block in enumerate(model.blocks):
        assert settings(built, block) == {(0.5 * 0.75 ** (12 - number), 0.1)}
    assert settings(built, model.patch_embed) == settings(built, model.pos_embed) == {(0.5 * 0.75**13, 0.1)}
    assert settings(built, network.heads) == {(1.0, 0.1)}
    assert len(built.param_groups) == 14
    assert "network/backbone/01" in names(built)


def test_each_stage_of_a_network_of_convolutions_learns_slower_than_the_next() -> None:
    network = build_network(SMALL, {"depth": 1})
    built = optimiser(network, layer_decay=0.5)
    found = [settings(built, stage) for stage in network.trunk.encoder]
    assert found == [{(0.5**height, 0.1)} for height in (4, 3, 2, 1)]


def test_biases_norms_and_embeddings_can_be_left_undecayed() -> None:
    network = build_network(VIT, {"depth": 1})
    model = network.trunk.model
    built = optimiser(network, decay_norms=False)
    assert settings(built, model.blocks[0].norm1) == settings(built, model.pos_embed) == {(1.0, 0.0)}
    assert settings(built, model.blocks[0].mlp.fc1) == {(1.0, 0.1), (1.0, 0.0)}
    assert settings(built, model.blocks[0].mlp.fc1.weight) == {(1.0, 0.1)}
    assert names(built) == [
        "network/backbone", "network/backbone/undecayed", "network/heads", "network/heads/undecayed",
    ]  # fmt: skip


def test_what_is_frozen_is_in_no_group() -> None:
    network = build_network({**SMALL, "freeze": "stages:2"}, {"depth": 1})
    built = optimiser(network, layer_decay=0.5)
    held = {id(p) for group in built.param_groups for p in group["params"]}
    assert held == {id(p) for p in network.parameters() if p.requires_grad}
    assert settings(built, network.trunk.encoder[2]) == {(0.25, 0.1)}


def test_a_rate_rises_to_one_and_falls_to_the_floor_at_the_last_step() -> None:
    schedule = WarmupCosine(warmup=4, floor=0.1)
    rates = [schedule(step, 13) for step in range(13)]
    assert rates[:5] == [0.25, 0.5, 0.75, 1.0, 1.0]
    assert rates[8] == pytest.approx(0.55)
    assert rates[-1] == pytest.approx(0.1)
    assert WarmupCosine(warmup=0.25)(2, 16) == 0.75
    assert WarmupCosine(warmup=0)(0, 16) == 1


def test_a_schedule_by_epoch_beside_one_by_step_changes_at_epochs() -> None:
    factor = factor_by_step(lambda epoch, epochs: epoch / epochs, Extent(epochs=4, steps_per_epoch=3, steps=12))
    assert [factor(step) for step in (0, 2, 3, 11)] == [0, 0, 0.25, 0.75]


class Rates:
    """Keeps the network's rate at each of the optimiser's steps."""

    def __init__(self) -> None:
        self.rates: list[float] = []

    def install(self, monkeypatch: pytest.MonkeyPatch) -> "Rates":
        step = torch.optim.Adam.step

        def watched(optimizer: torch.optim.Adam, *arguments: Any, **more: Any) -> Any:
            self.rates.append(optimizer.param_groups[0]["lr"])
            return step(optimizer, *arguments, **more)

        monkeypatch.setattr(torch.optim.Adam, "step", watched)
        return self


WARM = (*TEACHER, "schedule=warmup_cosine", "schedule.warmup=2", "optimiser.lr=0.001")


@pytest.mark.parametrize(
    ("options", "steps"),
    [
        ((), 6),
        (("trainer.accumulate_grad_batches=2",), 4),  # of three batches
        (("trainer.max_steps=5",), 5),
        (("trainer.limit_train_batches=2",), 4),
    ],
    ids=str,
)
def test_a_run_ends_its_cosine_at_its_last_step(
    trained: Workspace, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], steps: int
) -> None:
    seen = Rates().install(monkeypatch)
    trained.train(*WARM, *options, "trainer.max_epochs=2")
    schedule = WarmupCosine(warmup=2)
    assert seen.rates == pytest.approx([0.001 * schedule(step, steps) for step in range(steps)])
    assert seen.rates[-1] == pytest.approx(0)


def test_a_resumed_run_goes_on_at_the_step_and_the_groups_where_it_stopped(
    trained: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = (*WARM, "schedule.warmup=4", "optimiser.layer_decay=0.5", "optimiser.decay_norms=false")
    options += ("optimiser=adamw", "model.freeze=stages:1", "trainer.max_epochs=3")
    whole = trained.train(*options)
    before, steps, step = set(trained.runs()), itertools.count(1), torch.optim.AdamW.step

    def interrupted(*arguments: Any, **more: Any) -> Any:
        if next(steps) == 8:
            raise KeyboardInterrupt
        return step(*arguments, **more)

    monkeypatch.setattr(torch.optim.AdamW, "step", interrupted)
    assert trained.call("train", *TINY, *options).code == 130
    (stopped,) = set(trained.runs()) - before
    resume(trained, stopped)
    rates = [row["lr/network/backbone/02"] for row in read_history(whole / "metrics.csv")]
    assert len(set(rates)) == 3
    assert [row["lr/network/backbone/02"] for row in read_history(stopped / "metrics.csv")] == rates
    expected = weights(whole)
    assert all(torch.equal(value, expected[key]) for key, value in weights(stopped).items())
