"""Backbones of timm with each decoder: levels, sizes, gradients, formats, precisions, weights, export."""

from collections.abc import Mapping
from typing import Any

import pytest
import torch

from src.exporting.program import check_program, export_program
from src.foundation.errors import UserError
from src.models.base import MultiTaskNetwork, build_network
from src.models.decoders.base import DECODERS as DECODER_PARTS
from src.models.decoders.base import BackboneLevels
from tests.contracts.findings import failures, quick

OUTPUTS = {"semantic": 13, "depth": 1, "normal": 3}
LEVELS = ["encoder1", "encoder2", "encoder3", "bottleneck", "decoder"]
NARROW = {"depth": 4, "embed_dim": 48, "num_heads": 3}
TINY_SWIN = {"embed_dim": 12, "depths": [1, 2, 1, 1], "num_heads": [1, 1, 2, 2]}
BACKBONES: dict[str, tuple[str, dict[str, Any], tuple[int, int]]] = {
    "vit": ("test_vit", {}, (48, 80)),  # odd grids
    "dinov2": ("vit_small_patch14_reg4_dinov2", NARROW, (42, 84)),
    "dinov3": ("vit_tiny_patch16_dinov3_qkvb", NARROW, (48, 64)),
    "swin": ("swin_tiny_patch4_window7_224", TINY_SWIN, (64, 96)),
    "swinv2": ("swinv2_tiny_window8_256", TINY_SWIN, (64, 96)),
    "convnext": ("test_convnext", {}, (64, 96)),
    "efficientnet": ("test_efficientnet", {}, (64, 96)),
    "resnet": ("test_resnet", {}, (64, 96)),
    "maxvit": ("test_maxvit", {"img_size": [64, 96]}, (64, 96)),
    "sam": ("samvit_base_patch16", NARROW, (48, 64)),
    "beit": ("beit_base_patch16_224", {**NARROW, "img_size": [48, 64]}, (48, 64)),
}
DECODERS: dict[str, dict[str, Any]] = {
    "linear": {},
    "conv": {},
    "conv_group": {"_target_": "conv", "norm": "group"},
    "upernet": {},
    "dpt": {"reassembled": [8, 8, 16, 16]},
}


def config(backbone: str, decoder: str, /, **more: Any) -> dict[str, Any]:
    name, options, _ = BACKBONES[backbone]
    part = {"_target_": decoder, "channels": 16, **DECODERS[decoder]}
    return {"_target_": "timm_dense", "backbone": name, "options": options, "decoder": part, **more}


def build(backbone: str, decoder: str, /, **more: Any) -> MultiTaskNetwork:
    torch.manual_seed(0)
    return build_network(config(backbone, decoder, **more), OUTPUTS)


def loss_of(outputs: Mapping[str, torch.Tensor]) -> torch.Tensor:
    return torch.stack([value.float().square().mean() for value in outputs.values()]).sum()


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("backbone", BACKBONES)
def test_every_backbone_with_every_decoder_has_five_levels_and_trains_every_parameter(
    backbone: str, decoder: str
) -> None:
    network, size = build(backbone, decoder), BACKBONES[backbone][2]
    network.check_size(size)
    image = torch.randn(2, 3, *size).contiguous(memory_format=torch.channels_last)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    with torch.autocast("cpu", torch.bfloat16):
        features = network.features(image)
        outputs = network.predict(features, size)
    assert {level: feature.shape[1] for level, feature in features.items()} == network.trunk.channels
    assert list(features) == LEVELS
    assert {task: tuple(value.shape) for task, value in outputs.items()} == {
        task: (2, channels, *size) for task, channels in OUTPUTS.items()
    }
    loss_of(outputs).backward()
    assert [name for name, p in network.named_parameters() if p.grad is None or not p.grad.isfinite().all()] == []


@pytest.mark.parametrize(
    ("backbone", "decoder"),
    [("dinov2", "dpt"), ("dinov3", "upernet"), ("maxvit", "linear"), ("beit", "dpt"), ("convnext", "conv_group")],
)
def test_networks_keep_the_contract(backbone: str, decoder: str) -> None:
    assert failures(quick("model", config(backbone, decoder))) == {}


PAIRS = [("dinov2", "dpt"), pytest.param("swin", "upernet", marks=pytest.mark.long)]


@pytest.mark.long
@pytest.mark.parametrize(("backbone", "decoder"), PAIRS)
def test_networks_are_compiled(backbone: str, decoder: str) -> None:
    network, size = build(backbone, decoder).eval(), BACKBONES[backbone][2]
    image = torch.randn(1, 3, *size)
    with torch.no_grad():
        torch.testing.assert_close(torch.compile(network, backend="aot_eager")(image), network(image))


@pytest.mark.parametrize(("backbone", "decoder"), PAIRS)
def test_networks_are_exported_for_any_number_of_images(backbone: str, decoder: str) -> None:
    network, size = build(backbone, decoder).eval(), BACKBONES[backbone][2]
    check_program(export_program(network, size), network, size)


def test_levels_of_a_transformer_are_spread_evenly_and_those_of_others_are_the_last_stages() -> None:
    assert build("vit", "linear").trunk.indices == (0, 2, 3, 5)
    assert build("dinov3", "linear").trunk.indices == (0, 1, 2, 3)
    assert build("resnet", "linear").trunk.indices == (1, 2, 3, 4)
    chosen = build("vit", "linear", indices=[1, 2, 3, 4])
    assert chosen.trunk.indices == (1, 2, 3, 4)
    assert len(chosen.trunk.model.blocks) == 5  # what no level needs is gone


@pytest.mark.parametrize("indices", [[0, 2, 1, 3], [0, 1, 2, 6], [0, 0, 1, 2]])
def test_indices_that_name_no_four_levels_are_refused_with_some_that_do(indices: list[int]) -> None:
    with pytest.raises(UserError, match=r"model.indices=\[0,2,3,5\]"):
        build("vit", "linear", indices=indices)


def test_the_bottleneck_of_a_plain_transformer_is_what_its_last_norm_gives() -> None:
    network = build("dinov2", "linear").eval()
    image = torch.randn(1, 3, 42, 84)
    with torch.no_grad():
        tokens = network.trunk.model.forward_features(image)
        bottleneck = network.features(image)["bottleneck"]
    torch.testing.assert_close(bottleneck.flatten(2).transpose(1, 2), tokens[:, 5:])  # class and four registers


def test_decoders_get_the_class_token_of_each_level_and_no_register() -> None:
    network, given = build("dinov2", "linear").eval(), []
    network.trunk.decoder.register_forward_pre_hook(lambda _, arguments: given.append(arguments))
    image = torch.randn(1, 3, 42, 84)
    network(image)
    [(_, class_tokens)] = given
    assert [tuple(token.shape) for token in class_tokens] == [(1, 1, 48)] * 4
    torch.testing.assert_close(class_tokens[-1], network.trunk.model.forward_features(image)[:, :1])


@pytest.mark.parametrize("readout", ["cat", "add", "ignore"])
def test_dpt_reads_the_class_token_unless_told_not_to(readout: str) -> None:
    levels = BackboneLevels((8,) * 4, (14,) * 4, class_token=True)
    decoder = DECODER_PARTS.build({"_target_": "dpt", "reassembled": [8] * 4, "readout": readout}, levels).eval()
    features, tokens = [torch.randn(1, 8, 3, 5)] * 4, [torch.randn(1, 1, 8)] * 4
    same = torch.equal(decoder(features, tokens), decoder(features, [token + 1 for token in tokens]))
    assert same == (readout == "ignore")


@pytest.mark.parametrize(
    ("backbone", "size", "fitting"),
    [
        ("vit", (64, 90), "64,96"),
        ("dinov2", (64, 96), "70,98"),
        ("swin", (60, 96), "64,96"),
        ("convnext", (64, 100), "64,128"),
        ("maxvit", (96, 96), "64,96"),
        ("beit", (64, 64), "48,64"),
    ],
)
def test_a_size_that_does_not_fit_is_refused_with_one_that_does(
    backbone: str, size: tuple[int, int], fitting: str
) -> None:
    network = build(backbone, "linear")
    with pytest.raises(UserError, match=rf"dataset.size=\[{fitting}\]"):
        network.check_size(size)
    height, width = map(int, fitting.split(","))
    network.check_size((height, width))
    assert network.eval()(torch.randn(1, 3, height, width))["depth"].shape == (1, 1, height, width)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"backbone": "no_such_network"}, "timm has no network"),
        ({"decoder": {"_target_": "no_such"}}, "no_such"),
        ({"decoder": {"_target_": "dpt", "chanels": 8}}, "chanels"),
        ({"options": {"no_such_option": 1}}, "no_such_option"),
        ({"options": {"checkpoint_path": "x"}}, "cannot hold checkpoint_path"),
    ],
)
def test_mistakes_are_told(change: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        build("vit", "linear", **change)
