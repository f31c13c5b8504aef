"""Stochastic depth, and low-rank adaptation of attention."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from timm.layers import DropPath

from src.foundation.errors import UserError
from src.models.base import MultiTaskNetwork, build_network
from src.models.lora import LoraLinear, merged
from src.runs.network_file import load_network
from tests.conftest import TINY, Workspace

OUTPUTS = {"semantic": 5, "depth": 1}
VIT = {"_target_": "timm", "backbone": "vit_tiny_patch16_224", "options": {"img_size": 32}}
CONVNEXT = {"_target_": "smp", "architecture": "fpn", "encoder": "tu-convnext_atto"}
MIT = {"_target_": "smp", "architecture": "fpn", "encoder": "mit_b0"}
SMALL = {"_target_": "small", "filters": [4, 6, 8, 8]}


def build(config: Mapping[str, Any], **options: Any) -> MultiTaskNetwork:
    torch.manual_seed(0)
    return build_network({**config, **options}, OUTPUTS)


def rates(module: torch.nn.Module) -> list[float]:
    return [float(layer.drop_prob) for layer in module.modules() if isinstance(layer, DropPath)]


@pytest.mark.parametrize(
    ("config", "name", "options"),
    [(VIT, "vit_tiny_patch16_224", {"img_size": 32}), (CONVNEXT, "convnext_atto", {})],
    ids=["transformer", "convolutions"],
)
def test_drop_path_is_what_timm_builds(config: dict[str, Any], name: str, options: dict[str, Any]) -> None:
    found = rates(build(config, drop_path=0.2))
    assert found == pytest.approx(rates(timm.create_model(name, drop_path_rate=0.2, **options)))
    assert max(found) == pytest.approx(0.2)


@pytest.mark.parametrize("config", [VIT, CONVNEXT, MIT], ids=["timm", "tu", "smp"])
def test_drop_path_acts_in_training_alone(config: dict[str, Any]) -> None:
    plain, dropping = build(config), build(config, drop_path=0.9)
    assert dropping.state_dict().keys() == plain.state_dict().keys()
    image = torch.randn(4, 3, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(dropping.eval()(image)["depth"], plain.eval()(image)["depth"])
        first, second = (dropping.train().features(image)["bottleneck"] for _ in range(2))
    assert not torch.equal(first, second)


@pytest.mark.parametrize("option", [{"drop_path": 0.1}, {"lora_rank": 4}], ids=str)
def test_networks_without_such_layers_are_refused(option: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="would change nothing"):
        build(SMALL, **option)


def trained_a_bit(network: MultiTaskNetwork) -> MultiTaskNetwork:
    optimiser = torch.optim.Adam([p for p in network.parameters() if p.requires_grad], lr=0.01)
    for _ in range(3):
        optimiser.zero_grad()
        sum(value.square().mean() for value in network.train()(torch.randn(2, 3, 32, 32)).values()).backward()
        optimiser.step()
    return network.eval()


@pytest.mark.parametrize("config", [VIT, MIT], ids=["timm", "smp"])
def test_merged_weights_predict_what_unmerged_ones_do(config: dict[str, Any]) -> None:
    network = trained_a_bit(build(config, lora_rank=4, lora_alpha=8.0))
    layers = [module for module in network.modules() if isinstance(module, LoraLinear)]
    assert layers
    assert sum(bool(layer.lora_up.any()) for layer in layers) > len(layers) / 2  # not where one token attends to itself
    plain, image = build(config).eval(), torch.randn(2, 3, 32, 32)
    began = {name: value.clone() for name, value in plain.state_dict().items()}
    plain.load_state_dict(merged(network.state_dict()))
    for task, value in network(image).items():
        torch.testing.assert_close(plain(image)[task], value, rtol=0, atol=1e-5)
    inside = {id(value) for value in plain.trunk.backbone().state_dict(keep_vars=True).values()}
    for name, value in plain.state_dict(keep_vars=True).items():
        if id(value) in inside and not torch.equal(value, began[name]):
            assert ".attn." in name
            assert name.endswith(("qkv.weight", "q.weight", "kv.weight", "proj.weight"))


def test_lora_begins_as_the_network_and_trains_only_what_it_adds() -> None:
    plain, network, image = (
        build(VIT).eval(),
        build(VIT, lora_rank=4, lora_layers=["qkv"]).eval(),
        torch.randn(1, 3, 32, 32),
    )
    assert torch.equal(network.features(image)["bottleneck"], plain.features(image)["bottleneck"])
    names = {name for name, p in network.trunk.named_parameters() if p.requires_grad}
    assert names == {f"model.blocks.{i}.attn.qkv.lora_{kind}" for i in range(12) for kind in ("down", "up")}
    assert all(parameter.requires_grad for parameter in network.heads.parameters())


@pytest.mark.parametrize(
    "options", [{"lora_alpha": 4.0}, {"lora_layers": ["qkv"]}, {"lora_rank": 4, "freeze": "backbone"}], ids=str
)
def test_what_would_change_nothing_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="would change nothing"):
        build(VIT, **options)


def test_an_attention_that_does_not_call_its_layers_is_refused() -> None:
    beit = {
        "_target_": "timm",
        "backbone": "beitv2_base_patch16_224",
        "options": {"depth": 1, "embed_dim": 48, "num_heads": 3},
    }
    with pytest.raises(UserError, match=r"lora_layers=\[proj\]"):
        build(beit, lora_rank=2)


def test_a_run_with_lora_leaves_plain_weights_and_serves_as_a_teacher(trained: Workspace) -> None:
    options = ["model=timm", "model.backbone=vit_tiny_patch16_224", "model.options={img_size:[32,48],depth:2}"]
    sizes = [o for o in TINY if not o.startswith("model.")]
    shared = [*sizes, *options, "model.lora_rank=2", "pictures.count=0", "ema.decay=0.5"]
    before = set(trained.runs())
    result = trained.call("train", "stage=teacher", "task=depth", *shared)
    assert result.code == 0, result.out
    (run,) = set(trained.runs()) - before
    state = torch.load(run / "weights.pt", weights_only=True)["state_dict"]
    assert not any("lora" in name for name in state)
    network = load_network(run / "weights.pt")[0].eval()
    rebuilt = from_checkpoint(run, network)
    for name, value in network.state_dict().items():
        torch.testing.assert_close(rebuilt[name], value)
    plain = [o for o in shared if "lora" not in o]  # of another way of training, so told as a difference
    teachers = ["tasks=[semantic,depth]", "teacher.semantic=none", "distillation.levels=[bottleneck]"]
    result = trained.call("train", "stage=student", *plain, *teachers)
    assert result.code == 0, result.out
    assert "model.lora_rank" in result.out


def from_checkpoint(run: Path, network: MultiTaskNetwork) -> dict[str, torch.Tensor]:
    content = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
    own = {key.removeprefix("network."): value for key, value in content.items() if key.startswith("network.")}
    assert own.keys() > network.state_dict().keys()
    return merged(own)
