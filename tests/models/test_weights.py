"""Weights from a file: every network takes them, by name or by order, whole or not at all."""

import argparse
import os
import socket
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from src.foundation.errors import UserError
from src.models.base import MultiTaskNetwork, build_network

OUTPUTS = {"depth": 1}
LITE = "tf_efficientnet_lite0"
FPN = {"_target_": "smp", "architecture": "fpn", "encoder": f"tu-{LITE}"}
SMP = {"_target_": "smp", "architecture": "unet", "encoder": "resnet18"}
TIMM = {"_target_": "timm", "backbone": "resnet18"}
SEGNET = {"_target_": "segnet", "filters": [4, 4, 8, 8, 8]}
State = dict[str, Tensor]


def timm_state(name: str, **options: Any) -> State:
    import timm

    torch.manual_seed(1)
    return {
        name: torch.rand_like(v) if v.is_floating_point() else v
        for name, v in timm.create_model(name, **options).state_dict().items()
    }


@pytest.fixture(scope="module")
def resnet() -> State:
    return timm_state("resnet18", num_classes=10)


@pytest.fixture
def saved(tmp_path: Path) -> Callable[..., str]:
    def save(content: Any, name: str = "weights.pth", **options: Any) -> str:
        torch.save(content, tmp_path / name, **options)
        return str(tmp_path / name)

    return save


def build(config: Mapping[str, Any], weights: str, **more: Any) -> MultiTaskNetwork:
    return build_network({**config, "weights": weights, **more}, OUTPUTS)


def body(network: MultiTaskNetwork) -> nn.Module:
    return network.trunk.model if hasattr(network.trunk, "model") else network.trunk.encoder


def same(network: MultiTaskNetwork, state: State) -> bool:
    own = body(network).state_dict()
    return all(torch.equal(value, state[name]) for name, value in own.items())


def test_the_encoder_gets_a_files_tensors_and_passes_over_its_classifier(
    resnet: State, saved: Callable[..., str]
) -> None:
    path = saved(resnet)
    for config in (SMP, TIMM):
        network = build(config, path)
        assert same(network, resnet)
        assert network.weights_read == f"120 of 120 tensors of {path}; passed over, after the last feature: fc"


def under(prefix: str, state: State, offset: int = 0) -> State:
    return {f"{prefix}.{name}": value + offset for name, value in state.items()}


NESTED: dict[str, Callable[[State], Any]] = {
    "of a trainer": lambda s: {"epoch": 3, "args": argparse.Namespace(lr=1), "state_dict": under("module", s)},
    "of a model": lambda s: {"model": under("encoder", s), "optimizer": {"state": {0: {"exp_avg": torch.zeros(3)}}}},
    "of two": lambda s: {"student": under("backbone", s, 1), "teacher": under("backbone", s)},
    "averaged": lambda s: {"state_dict": under("module", s, 1), "state_dict_ema": under("module", s)},
    "of a segmenter": lambda s: under("model.backbone", s) | {"model.decoder.weight": torch.zeros(3)},
    "without counters": lambda s: {k: v for k, v in s.items() if "num_batches" not in k},
}


@pytest.mark.parametrize("kind", NESTED)
def test_dictionaries_and_prefixes_around_the_tensors_are_stripped(
    kind: str, resnet: State, saved: Callable[..., str]
) -> None:
    own = {name: value for name, value in resnet.items() if not name.startswith("fc.")}
    network = build(SMP, saved(NESTED[kind](own), "weights.bin", _use_new_zipfile_serialization=kind != "of two"))
    assert same(network, own | {n: v for n, v in body(network).state_dict().items() if "num_batches" in n})
    count = 100 if kind == "without counters" else 120
    assert network.weights_read.startswith(f"{count} of {count} tensors")


def test_real_or_random_weights_of_an_efficientnet_reach_an_encoder_of_features_only(tmp_path: Path) -> None:
    path = Path(os.environ.get("MTL_WEIGHTS", ""), f"{LITE}.safetensors")
    if not path.is_file():
        path = tmp_path / path.name
        save_file(timm_state(LITE), path)
    read = build(FPN, str(path)).weights_read
    told = f"288 of 288 tensors of {path}; passed over, after the last feature: bn2, classifier, conv_head; "
    assert read == f"{told}pictures of mean 0.5 0.5 0.5, deviation 0.5 0.5 0.5"
    twin = build({**FPN, "encoder": "tu-efficientnet_lite0"}, str(path)).weights_read
    assert twin.startswith(f"{told}BEWARE: the file bears the name of '{LITE}'")


def test_names_of_timms_lists_of_features_are_found(tmp_path: Path) -> None:
    state = timm_state("convnext_atto")
    save_file(state, tmp_path / "weights.safetensors")
    encoder = build({**FPN, "encoder": "tu-convnext_atto"}, str(tmp_path / "weights.safetensors")).trunk.encoder.model
    assert torch.equal(
        encoder.state_dict()["stages_1.blocks.0.conv_dw.weight"], state["stages.1.blocks.0.conv_dw.weight"]
    )


def test_positions_of_a_transformer_are_resized_to_its_images(saved: Callable[..., str]) -> None:
    small = {"depth": 1, "embed_dim": 16, "num_heads": 2}
    state = timm_state("vit_tiny_patch16_224", img_size=64, **small)
    config = {"_target_": "timm", "backbone": "vit_tiny_patch16_224", "options": {"img_size": [32, 96], **small}}
    network = build(config, saved(state))
    assert torch.equal(body(network).blocks[0].attn.qkv.weight, state["blocks.0.attn.qkv.weight"])
    assert body(network).pos_embed.shape == (1, 1 + 2 * 6, 16)
    torch.testing.assert_close(body(network).pos_embed[:, 0], state["pos_embed"][:, 0])


def test_other_names_are_matched_by_order_only_when_said(
    resnet: State, saved: Callable[..., str], tmp_path: Path
) -> None:
    renamed = {f"layer_{number}.{name.rpartition('.')[2]}": v for number, (name, v) in enumerate(resnet.items())}
    path = saved(renamed)
    with pytest.raises(
        UserError, match=r"0 of 120 tensors .* conv1.weight 64x3x7x7 is missing(.|\n)*model.match=order"
    ):
        build(SMP, path)
    network = build(SMP, path, match="order")
    assert network.weights_read.startswith("100 of 100 tensors")
    assert torch.equal(body(network).layer4[1].conv2.weight, resnet["layer4.1.conv2.weight"])
    save_file(renamed, tmp_path / "sorted.safetensors")
    with pytest.raises(UserError, match="sorts them by name"):
        build(SMP, str(tmp_path / "sorted.safetensors"), match="order")


def test_order_is_not_enough_where_kinds_or_shapes_differ(resnet: State, saved: Callable[..., str]) -> None:
    swapped = {n: resnet[n] for n in [*list(resnet)[:1], "bn1.bias", "bn1.weight", *list(resnet)[3:]]}
    with pytest.raises(UserError, match=r"number 2 is bn1.bias 64, not bn1.weight 64"):
        build(SMP, saved(swapped), match="order")
    with pytest.raises(UserError, match=r"not layer1.1.conv1.weight 64x64x3x3"):
        build(SMP, saved(timm_state("resnet50")), match="order")


KERNEL = "layer1.0.conv1.weight"
FAULTS: dict[str, tuple[Callable[[State], State], str]] = {
    "missing": (lambda s: {k: v for k, v in s.items() if k != KERNEL}, f"{KERNEL} 64x64x3x3 is missing"),
    "shape": (lambda s: s | {KERNEL: torch.zeros(64, 64, 1, 1)}, f"{KERNEL} is 64x64x1x1, not 64x64x3x3"),
    "unexpected": (lambda s: s | {"layer5.0.conv1.weight": torch.zeros(2)}, "layer5.0.conv1.weight is not of it"),
    "NaN": (lambda s: s | {"layer1.0.bn1.bias": torch.full((64,), torch.nan)}, "layer1.0.bn1.bias is NaN"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_does_not_fit_is_refused_with_the_first_differences(
    fault: str, resnet: State, saved: Callable[..., str]
) -> None:
    spoil, told = FAULTS[fault]
    path = saved(spoil(resnet))
    for config in (SMP, TIMM):
        with pytest.raises(UserError, match=told) as error:
            build(config, path)
        assert path in str(error.value)


@pytest.mark.parametrize("name", ["gone.pth", "empty.pth", "text.safetensors", "text.pth", "list.pt", "code.pth"])
def test_what_is_no_file_of_weights_is_refused(name: str, tmp_path: Path, saved: Callable[..., str]) -> None:
    path = tmp_path / name
    if name.startswith(("empty", "text")):
        path.write_text("words" * name.startswith("text"))
    elif name == "list.pt":
        saved([1, 2], name)
    elif name == "code.pth":
        saved({"weight": nn.Linear(2, 2)}, name)
    for config in (SMP, TIMM, SEGNET):
        with pytest.raises(UserError, match=name):
            build(config, str(path))


def vgg(norms: bool) -> State:
    layers: list[nn.Module] = []
    width = 3
    for channels, depth in zip((4, 4, 8, 8, 8), (2, 2, 3, 3, 3), strict=True):
        for _ in range(depth):
            layers += [nn.Conv2d(width, channels, 3), *([nn.BatchNorm2d(channels)] if norms else []), nn.ReLU()]
            width = channels
        layers.append(nn.MaxPool2d(2))
    network = nn.ModuleDict({"features": nn.Sequential(*layers), "classifier": nn.Sequential(nn.Linear(8, 2))})
    return {name: torch.rand_like(v) if v.is_floating_point() else v for name, v in network.state_dict().items()}


@pytest.mark.parametrize(("norms", "count", "last"), [(True, 91, 41), (False, 26, 28)])
@pytest.mark.parametrize("target", ["segnet", "mtan"])
def test_segnets_encoder_takes_a_vgg(
    norms: bool, count: int, last: int, target: str, saved: Callable[..., str]
) -> None:
    state = vgg(norms)
    network = build({**SEGNET, "_target_": target}, saved(state))
    assert network.weights_read.startswith(f"{count} of {count} tensors")
    assert (
        network.weights_read.endswith("passed over, after the last feature: classifier")
        or "'features.'" in network.weights_read
    )
    encoder = network.trunk.encoder if target == "segnet" else network.trunk.segnet.encoder
    assert torch.equal(encoder[4][6].weight, state[f"features.{last - 1 if norms else last}.weight"])
    if norms:
        assert torch.equal(encoder[4][7].running_var, state[f"features.{last}.running_var"])


def test_segnets_encoder_takes_a_segnet(saved: Callable[..., str]) -> None:
    teacher = build_network(SEGNET, {"semantic": 3})
    network = build(SEGNET, saved({"format": 2, "metadata": {}, "state_dict": teacher.state_dict()}))
    assert torch.equal(body(network)[4][6].weight, body(teacher)[4][6].weight)
    assert "under 'state_dict.trunk.encoder.'" in network.weights_read


def test_a_network_of_a_run_is_built_without_its_file() -> None:
    assert build_network({**SMP, "weights": "gone.pth"}, OUTPUTS, pretrained=False).weights_read == ""


@pytest.mark.parametrize("config", [{**SMP, "weights": "imagenet"}, {**TIMM, "weights": "hub"}], ids=["smp", "timm"])
def test_a_hub_that_does_not_answer_is_told_in_time(
    config: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
        monkeypatch.setattr("src.models.weights.hub.PATIENCE", 0.2)
        began = time.monotonic()
        with pytest.raises(UserError, match=r"does not answer, and no copy is cached(.|\n)*model.weights=FILE"):
            build_network(config, OUTPUTS)
        assert time.monotonic() - began < 10
    assert not constants.HF_HUB_OFFLINE
