"""What model.freeze takes out of training: parameters, statistics of BatchNorm, and nothing else."""

from collections.abc import Mapping
from typing import Any

import pytest
import torch
from torch import Tensor

from src.foundation.errors import UserError
from src.models.base import FINE_TUNING, MODELS, MultiTaskNetwork, Trunk, build_network
from src.models.stages import layers, stages
from src.runs.network_file import load_network
from tests.conftest import TINY, Workspace, read_json

OUTPUTS = {"semantic": 5, "depth": 1}
SMALL = {"_target_": "small", "filters": [4, 6, 8, 8]}
FPN = {"_target_": "smp", "architecture": "fpn", "encoder": "tu-efficientnet_lite0"}
RESNET = {"_target_": "smp", "architecture": "deeplabv3plus", "encoder": "resnet18"}
VIT = {"_target_": "timm", "backbone": "vit_tiny_patch16_224", "options": {"img_size": 32}}
SEGNET = {"_target_": "segnet", "filters": [4, 4, 8, 8, 8]}
NETWORKS = [SMALL, FPN, RESNET, VIT, SEGNET, SEGNET | {"_target_": "mtan"}]


def build(config: Mapping[str, Any], **options: Any) -> MultiTaskNetwork:
    torch.manual_seed(0)
    return build_network({**config, **options}, OUTPUTS)


def name_of(config: Mapping[str, Any]) -> str:
    return str(config.get("encoder") or config.get("backbone") or config["_target_"])


def step(network: MultiTaskNetwork) -> tuple[set[str], set[str]]:
    """Take a step of training; return the names of all values of the state that changed, and of the others."""
    before = {name: value.clone() for name, value in network.state_dict().items()}
    optimiser = torch.optim.SGD([p for p in network.parameters() if p.requires_grad], lr=0.1)
    image = torch.randn(2, 3, 64, 64) if "timm" not in str(type(network.trunk)) else torch.randn(2, 3, 32, 32)
    sum(value.square().mean() for value in network.train()(image).values()).backward()
    optimiser.step()
    changed = {name for name, value in network.state_dict().items() if not torch.equal(value, before[name])}
    return changed, set(before) - changed


@pytest.mark.parametrize("config", NETWORKS, ids=name_of)
def test_a_frozen_backbone_keeps_parameters_and_statistics_and_the_rest_is_trained(config: Mapping[str, Any]) -> None:
    network = build(config, freeze="backbone")
    backbone = network.trunk.backbone()
    inside = {id(value) for value in backbone.state_dict(keep_vars=True).values()}
    names = {name for name, value in network.state_dict(keep_vars=True).items() if id(value) in inside}
    changed, kept = step(network)
    assert kept == names
    assert changed
    assert not any(parameter.grad is not None for parameter in backbone.parameters())


@pytest.mark.parametrize("config", NETWORKS, ids=name_of)
def test_stages_are_what_the_first_levels_depend_on(config: Mapping[str, Any]) -> None:
    network = build(config, freeze="stages:2")
    first, second, third, *_ = network.trunk.channels
    kept = step(network)[1]
    frozen = {name for name, parameter in network.named_parameters() if not parameter.requires_grad}
    assert frozen <= kept
    size = 32 if config is VIT else 64
    seen = network.eval().features(torch.randn(1, 3, size, size))
    of_level = {level: [v for key, v in seen.items() if key.split("/")[0] == level] for level in (first, second, third)}
    if config["_target_"] != "mtan":  # whose attention is no part of the backbone
        assert not of_level[first][0].requires_grad
        assert not of_level[second][0].requires_grad
    assert of_level[third][0].requires_grad


@pytest.mark.parametrize("config", NETWORKS, ids=name_of)
def test_stages_and_layers_hold_each_parameter_of_the_backbone_once(config: Mapping[str, Any]) -> None:
    network = build(config).train()
    every = sorted(id(p) for p in network.trunk.backbone().parameters())
    for groups in (stages(network.trunk), layers(network.trunk)):
        assert sorted(id(p) for group in groups for p in group) == every
    assert all(module.training for module in network.modules())


def test_layers_of_a_transformer_are_its_embedding_and_its_blocks() -> None:
    network = build(VIT)
    model = network.trunk.model
    found = layers(network.trunk)
    assert len(found) == 1 + len(model.blocks)
    assert {id(p) for p in found[3]} == {id(p) for p in model.blocks[2].parameters()}
    assert {id(model.pos_embed), id(model.cls_token)} <= {id(p) for p in found[0]}


def test_more_stages_than_there_are_and_networks_without_backbone_are_refused() -> None:
    with pytest.raises(UserError, match="has 4 stages"):
        build(SMALL, freeze="stages:5")
    with pytest.raises(UserError, match=r"model\.freeze"):
        build(SMALL, freeze="stages:0")

    class Plain(Trunk):
        def __init__(self) -> None:
            super().__init__()
            self.channels, self.divisor = {"decoder": 3}, 1
            self.layer = torch.nn.Conv2d(3, 3, 1)

        def forward(self, image: Tensor, until: str | None = None) -> dict[str, Tensor]:
            return {"decoder": self.layer(image)}

    MODELS.add("without_backbone", lambda outputs: MultiTaskNetwork(Plain(), outputs, torch.nn.Identity))
    try:
        with pytest.raises(UserError, match="needs a backbone"):
            build_network({"_target_": "without_backbone", "freeze": "backbone"}, {})
    finally:
        del MODELS._parts["without_backbone"]


def test_what_is_said_of_fine_tuning_is_what_all_networks_take() -> None:
    assert set(FINE_TUNING) == set(MODELS.options_of_all())


def test_a_single_image_whose_feature_is_one_pixel_is_told_plainly() -> None:
    with pytest.raises(UserError, match=r"BatchNorm.*(\n.*)*batch_size=2"):
        build(RESNET)(torch.randn(1, 3, 64, 64))


@pytest.mark.parametrize("stage", [("stage=teacher", "task=depth"), ("stage=student",)], ids=["teacher", "student"])
def test_a_run_leaves_what_is_frozen_bit_identical(trained: Workspace, stage: tuple[str, ...]) -> None:
    run = trained.train(*stage, "model.freeze=backbone", "trainer.max_epochs=2", "pictures.count=0")
    record = read_json(run / "run.json")
    outputs = {"semantic": record["dataset"]["classes"], "depth": 1, "normal": 3}
    outputs = outputs if record["stage"] == "student" else {"depth": 1}
    torch.manual_seed(0)
    began = build_network(record["model"], outputs).state_dict()
    ended = torch.load(run / "weights.pt", weights_only=True)["state_dict"]
    for name, value in ended.items():
        assert torch.equal(value, began[name]) == name.startswith("trunk.encoder"), name
    assert record["changed"]["model.freeze"] == "backbone"
    assert load_network(run / "weights.pt")[0].state_dict().keys() == ended.keys()


def test_a_wrong_value_is_told_before_anything_is_trained(trained: Workspace) -> None:
    result = trained.call("train", "stage=teacher", "task=depth", *TINY, "model.freeze=encoder")
    assert result.code == 1
    assert "model.freeze" in result.out
    assert "Traceback" not in result.out
