"""One image per batch and BatchNorm over 1x1 positions: told before data are drawn."""

import pytest
import torch

from src.foundation.errors import UserError
from src.models.base import build_network
from src.models.batch_norm import refuse_single_values
from tests.conftest import TINY, Workspace


def network(decoder: str) -> torch.nn.Module:
    part = {"_target_": decoder, "channels": 8}
    return build_network({"_target_": "timm_dense", "backbone": "test_convnext", "decoder": part}, {"depth": 1})


def test_pooled_maps_are_refused_and_running_statistics_are_not_touched() -> None:
    upernet = network("upernet")
    before = {name: value.clone() for name, value in upernet.state_dict().items()}
    state = torch.get_rng_state()
    with pytest.raises(UserError, match=r"trunk\.decoder\.fusion\.psp[\s\S]*dataset.batch_size=2"):
        refuse_single_values(upernet, (64, 96))
    assert torch.equal(torch.get_rng_state(), state)
    torch.testing.assert_close(upernet.state_dict(), before)
    with pytest.raises(UserError, match="a batch of 1 image of 64x96 is too small"):  # where nobody asked before
        upernet(torch.randn(1, 3, 64, 96))


def test_running_statistics_and_networks_without_batchnorm_pass() -> None:
    refuse_single_values(network("upernet").eval(), (64, 96))
    refuse_single_values(network("linear"), (32, 32))
    refuse_single_values(network("conv"), (32, 32))  # 8x8 positions at the finest level


def test_the_command_line_refuses_before_data_are_drawn(workspace: Workspace) -> None:
    options = [option for option in TINY if not option.startswith(("model.", "dataset.batch_size"))]
    result = workspace.call(
        "train", *options, "stage=teacher", "task=depth", "dataset.size=[64,64]", "dataset.batch_size=1",
        "model=deeplab_resnet50", "model.encoder=tu-lcnet_050",
    )  # fmt: skip
    assert result.code == 1
    assert "BatchNorm over 1x1" in result.out
    assert "Traceback" not in result.out
    assert not (workspace.root / "data").exists()
