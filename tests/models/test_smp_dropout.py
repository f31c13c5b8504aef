"""Dropout of smp's decoders: behind the level that is aligned, before the heads, or off."""

import pytest
import torch

from src.foundation.errors import UserError
from src.models.base import MultiTaskNetwork
from src.models.smp import smp_network

ENCODER = "tu-lcnet_050"


def decoder_of(network: MultiTaskNetwork) -> torch.Tensor:
    torch.manual_seed(0)
    network.train()
    image = torch.randn(2, 3, 64, 64)
    once, again = (network.features(image)["decoder"] for _ in range(2))
    assert torch.isfinite(once).all()
    return once - again


@pytest.mark.parametrize("architecture", ["fpn", "pspnet"])
def test_the_decoder_level_is_the_same_in_training_and_heads_still_see_dropout(architecture: str) -> None:
    network = smp_network({"a": 3, "b": 1}, architecture, ENCODER).train()
    assert not decoder_of(network).any()
    features = network.features(torch.randn(2, 3, 64, 64))
    kept = features["decoder"].clone()
    one, other = (network.predict(features, (64, 64))["a"] for _ in range(2))
    assert not torch.equal(one, other)
    assert torch.equal(features["decoder"], kept)
    network.eval()
    assert torch.equal(network.predict(features, (64, 64))["a"], network.predict(features, (64, 64))["a"])


def test_dropout_of_a_head_is_that_of_the_library_and_its_weights_are_named_as_before() -> None:
    network = smp_network({"a": 3}, "fpn", ENCODER, dropout=0.5).train()
    assert {key for key in network.state_dict() if key.startswith("heads.")} == {"heads.a.weight", "heads.a.bias"}
    head, feature = network.heads["a"], torch.randn(4, 128, 6, 6)
    torch.manual_seed(1)
    expected = torch.nn.functional.conv2d(torch.nn.Dropout2d(0.5)(feature), head.weight, head.bias, padding=1)
    torch.manual_seed(1)
    torch.testing.assert_close(head(feature), expected)


def test_dropout_inside_a_decoder_can_be_switched_off() -> None:
    assert decoder_of(smp_network({"a": 3}, "deeplabv3plus", ENCODER)).any()
    assert not decoder_of(smp_network({"a": 3}, "deeplabv3plus", ENCODER, dropout=0.0)).any()
    network = smp_network({"a": 3}, "fpn", ENCODER, dropout=0.0).train()
    features = network.features(torch.randn(2, 3, 64, 64))
    assert torch.equal(network.predict(features, (64, 64))["a"], network.predict(features, (64, 64))["a"])


def test_switching_off_what_is_not_there_is_refused() -> None:
    with pytest.raises(UserError, match="would change nothing"):
        smp_network({"a": 3}, "unet", ENCODER, dropout=0.0)
