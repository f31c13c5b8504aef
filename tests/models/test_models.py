"""Networks: sizes of the papers, named levels, early stop, every architecture trains, compiles, exports, reloads."""

import pytest
import torch

from src.app.conf import option
from src.foundation.errors import UserError
from src.models.base import Features, MultiTaskNetwork, build_network
from src.models.mtan import MtanTrunk, mtan
from src.models.segnet import segnet
from src.models.small import small
from src.models.smp import smp_network

OUTPUTS = {"semantic": 13, "depth": 1, "normal": 3}
BUILD = {
    "segnet": lambda outputs: segnet(outputs, [8, 8, 16, 16, 16]),
    "segnet_deep": lambda outputs: segnet(outputs, [8, 8, 16, 16, 16], [4, 4, 6, 6, 6]),
    "mtan": lambda outputs: mtan(outputs, [8, 8, 16, 16, 24]),
    "small": lambda outputs: small(outputs, [8, 8, 16, 16]),
    "unet": lambda outputs: smp_network(outputs, "unet", "resnet18"),
    "deeplab": lambda outputs: smp_network(outputs, "deeplabv3plus", "resnet50"),
    "fpn": lambda outputs: smp_network(outputs, "fpn", "mobilenet_v2"),
}


@pytest.fixture(params=BUILD)
def network(request: pytest.FixtureRequest) -> MultiTaskNetwork:
    torch.manual_seed(0)
    return BUILD[request.param](OUTPUTS)


SINGLE_SEGNET = 24_981_069  # what the released MTAN and KD4MTL codes divide all counts by


def count(network: torch.nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def levels_of(features: Features) -> list[str]:
    """The levels of features, where each task's own counts once."""
    return list(dict.fromkeys(key.partition("/")[0] for key in features))


@pytest.mark.parametrize(
    ("name", "outputs", "parameters"),
    [
        ("segnet", {"semantic": 13}, SINGLE_SEGNET),
        ("segnet", OUTPUTS, 25_055_185),  # 25.06 M
        ("segnet_wide", OUTPUTS, 43_934_161),  # 1.76
        ("segnet_deep", OUTPUTS, 50_807_761),  # 2.03
        ("mtan", OUTPUTS, 44_229_073),  # 1.77; the released MTAN counts its three loss weights as well
        ("mtan", {"semantic": 13}, 38_185_805),  # 1.53, three of them 4.59
        ("deeplab_resnet50", OUTPUTS, 26_716_513),
        ("unet_resnet50", OUTPUTS, 32_523_425),
    ],
)
def test_networks_have_the_parameters_of_the_papers(name: str, outputs: dict[str, int], parameters: int) -> None:
    with torch.device("meta"):
        network = build_network(option("model", name), outputs)
    assert count(network) == parameters


def test_mtan_costs_1_77_single_segnets() -> None:
    with torch.device("meta"):
        assert round(count(mtan(OUTPUTS, [64, 128, 256, 512, 512])) / SINGLE_SEGNET, 2) == 1.77


def test_segnet_levels_have_the_papers_sizes() -> None:
    network = segnet(OUTPUTS, [8, 8, 8, 8, 16]).eval()
    assert network.trunk.channels["bottleneck"] == 16
    features = network.features(torch.randn(1, 3, 64, 96))
    assert features["bottleneck"].shape == (1, 16, 2, 3)
    assert features["decoder"].shape == (1, 8, 64, 96)


def test_outputs_have_image_size(network: MultiTaskNetwork) -> None:
    outputs = network(torch.randn(2, 3, 64, 96))
    assert {task: tuple(value.shape) for task, value in outputs.items()} == {
        task: (2, channels, 64, 96) for task, channels in OUTPUTS.items()
    }


def test_levels_are_what_they_say(network: MultiTaskNetwork) -> None:
    features = network.features(torch.randn(2, 3, 64, 96))
    assert levels_of(features) == list(network.trunk.channels)
    assert all(value.shape[1] == network.trunk.channels[key.partition("/")[0]] for key, value in features.items())
    assert {"bottleneck", "decoder"} <= set(network.trunk.channels)


def test_nothing_is_computed_beyond_the_level_asked_for(network: MultiTaskNetwork) -> None:
    network.eval()
    image = torch.randn(1, 3, 64, 96)
    levels = list(network.trunk.channels)
    early = network.features(image, "bottleneck")
    assert levels_of(early) == levels[: levels.index("bottleneck") + 1]
    whole = network.features(image)
    torch.testing.assert_close(early, {key: whole[key] for key in early})
    decoder = network.trunk.decoder
    called = []
    for module in decoder.modules():
        module.register_forward_hook(lambda *_: called.append(1))
    network.features(image, "bottleneck")
    assert not called


def test_gradient_reaches_every_parameter(network: MultiTaskNetwork) -> None:
    sum(value.square().mean() for value in network(torch.randn(2, 3, 64, 96)).values()).backward()
    assert not [name for name, p in network.named_parameters() if p.grad is None]


def test_every_task_uses_gradnorms_layer(network: MultiTaskNetwork) -> None:
    layer = network.last_shared_layer()
    for value in network(torch.randn(2, 3, 64, 96)).values():
        (gradient,) = torch.autograd.grad(value.square().mean(), layer, retain_graph=True)
        assert gradient.abs().sum() > 0


def test_gradnorms_layer_is_the_last_of_the_trunk_to_be_run(network: MultiTaskNetwork) -> None:
    order: list[torch.Tensor] = []
    # in MTAN, of the shared SegNet; what follows there are masks
    layers = network.trunk.common["segnet"] if isinstance(network.trunk, MtanTrunk) else network.trunk
    for module in layers.modules():
        if isinstance(module, torch.nn.Conv2d):
            module.register_forward_hook(lambda layer, *_: order.append(layer.weight))
    network(torch.randn(2, 3, 64, 96))
    assert network.last_shared_layer() is order[-1]


def test_weights_reload_to_the_same_outputs(network: MultiTaskNetwork, request: pytest.FixtureRequest) -> None:
    network.eval()
    twin = BUILD[request.node.callspec.params["network"]](OUTPUTS).eval()
    twin.load_state_dict(network.state_dict())
    image = torch.randn(1, 3, 64, 96)
    for task, value in network(image).items():
        torch.testing.assert_close(twin(image)[task], value)


def test_exports(network: MultiTaskNetwork) -> None:
    network.eval()
    image = torch.randn(1, 3, 64, 96)
    exported = torch.export.export(network, (image,)).module()
    for task, value in network(image).items():
        torch.testing.assert_close(exported(image)[task], value, rtol=1e-3, atol=1e-4)


def test_a_size_that_does_not_fit_is_refused_with_one_that_does() -> None:
    with pytest.raises(UserError, match=r"multiples of 32[\s\S]*dataset.size=\[64,128\]"):
        segnet(OUTPUTS, [8] * 5).check_size((60, 100))


@pytest.mark.parametrize(
    ("architecture", "encoder"),
    [("no_such", "resnet18"), ("unet", "no_such_encoder"), ("dpt", "tu-vit_base_patch16_224.augreg_in21k")],
)
def test_unknown_smp_networks_are_refused(architecture: str, encoder: str) -> None:
    with pytest.raises(UserError):
        smp_network(OUTPUTS, architecture, encoder)
