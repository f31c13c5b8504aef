"""Networks of timm as students: every weight is trained, and GradNorm finds the last shared layer."""

from collections.abc import Mapping
from typing import Any

import pytest
import torch

from src.foundation.errors import UserError
from src.models.base import build_network

OUTPUTS = {"semantic": 13, "depth": 1, "normal": 3}
VIT = {"backbone": "vit_tiny_patch16_224", "options": {"img_size": 32}}
STUDENTS = [VIT, *({"backbone": name} for name in ("resnet18", "convnext_atto", "tf_efficientnet_lite0"))]


def build(options: Mapping[str, Any], outputs: Mapping[str, int] = OUTPUTS) -> Any:
    torch.manual_seed(0)
    return build_network({"_target_": "timm", **options}, outputs)


@pytest.mark.parametrize("options", STUDENTS, ids=lambda options: options["backbone"])
def test_heads_train_every_parameter(options: Mapping[str, Any]) -> None:
    network = build(options)
    sum(value.square().mean() for value in network(torch.randn(2, 3, 32, 32)).values()).backward()
    assert not [name for name, parameter in network.named_parameters() if parameter.grad is None]


def test_gradnorms_layer_of_a_transformer_is_in_its_last_block() -> None:
    network = build(VIT)
    last_block = {id(parameter) for parameter in network.trunk.model.blocks[-1].parameters()}
    layer = network.last_shared_layer()
    assert id(layer) in last_block
    for value in network(torch.randn(1, 3, 32, 32)).values():
        (gradient,) = torch.autograd.grad(value.square().mean(), layer, retain_graph=True)
        assert gradient.abs().sum() > 0


@pytest.mark.parametrize("option", ["checkpoint_path", "pretrained", "pretrained_cfg"])
def test_options_cannot_make_timm_read_files_or_the_network(option: str) -> None:
    config = {"_target_": "timm", "backbone": "resnet18", "options": {option: "/etc/passwd"}}
    with pytest.raises(UserError, match=f"cannot hold {option}"):
        build_network(config, {"depth": 1})
