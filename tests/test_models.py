"""Networks: sizes of the papers, named levels, early stop, every architecture trains, compiles, exports, reloads."""

import pytest
import torch

from src.errors import UserError
from src.models.base import MultiTaskNetwork
from src.models.segnet import segnet
from src.models.small import small
from src.models.smp import smp_network

OUTPUTS = {"semantic": 13, "depth": 1, "normal": 3}
BUILD = {
    "segnet": lambda outputs: segnet(outputs, [8, 8, 16, 16, 16]),
    "small": lambda outputs: small(outputs, [8, 8, 16, 16]),
    "unet": lambda outputs: smp_network(outputs, "unet", "resnet18"),
    "deeplab": lambda outputs: smp_network(outputs, "deeplabv3plus", "resnet18"),
    "fpn": lambda outputs: smp_network(outputs, "fpn", "mobilenet_v2"),
}


@pytest.fixture(params=BUILD)
def network(request: pytest.FixtureRequest) -> MultiTaskNetwork:
    torch.manual_seed(0)
    return BUILD[request.param](OUTPUTS)


def test_segnet_has_the_parameters_of_the_paper() -> None:
    network = segnet(OUTPUTS, [64, 128, 256, 512, 512])
    assert sum(p.numel() for p in network.parameters()) == 25_055_185  # 25.06 M
    channels = network.trunk.channels
    assert (channels["bottleneck"], channels["decoder"]) == (512, 64)


def test_segnet_levels_have_the_papers_sizes() -> None:
    network = segnet(OUTPUTS, [8, 8, 8, 8, 16]).eval()
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
    assert {level: value.shape[1] for level, value in features.items()} == network.trunk.channels
    assert {"bottleneck", "decoder"} <= set(features)


def test_nothing_is_computed_beyond_the_level_asked_for(network: MultiTaskNetwork) -> None:
    network.eval()
    image = torch.randn(1, 3, 64, 96)
    levels = list(network.trunk.channels)
    early = network.features(image, "bottleneck")
    assert list(early) == levels[: levels.index("bottleneck") + 1]
    torch.testing.assert_close(early["bottleneck"], network.features(image)["bottleneck"])
    decoder = network.trunk.decoder
    called = []
    for module in decoder.modules():
        module.register_forward_hook(lambda *_: called.append(1))
    network.features(image, "bottleneck")
    assert not called


def test_gradient_reaches_every_parameter(network: MultiTaskNetwork) -> None:
    sum(value.square().mean() for value in network(torch.randn(2, 3, 64, 96)).values()).backward()
    assert not [name for name, p in network.named_parameters() if p.grad is None]


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
