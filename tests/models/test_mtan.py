"""MTAN: each task has features of its own, they are what is aligned, and one path is checked by hand."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from src.distillation.adaptors.linear import linear
from src.distillation.alignment import Alignment
from src.distillation.distances.l2 import l2
from src.distillation.frozen_teachers import FrozenTeachers
from src.foundation.errors import UserError
from src.models.base import MultiTaskNetwork, feature_of
from src.models.mtan import MtanTrunk, mtan
from tests.conftest import TINY, Workspace, read_json

OUTPUTS = {"semantic": 4, "depth": 1}
FILTERS = [4, 6, 8, 10, 12]
IMAGE = (2, 3, 32, 64)


@pytest.fixture
def network() -> MultiTaskNetwork:
    torch.manual_seed(0)
    return mtan(OUTPUTS, FILTERS).eval()


def attention(network: MultiTaskNetwork, task: str) -> list[nn.Parameter]:
    trunk = network.trunk
    return [*trunk.encoder[task].parameters(), *trunk.decoder[task].parameters()]


def test_a_tasks_output_depends_on_its_own_attention_and_on_no_others(network: MultiTaskNetwork) -> None:
    image = torch.randn(IMAGE)
    before = network(image)
    with torch.no_grad():
        for parameter in attention(network, "depth"):
            parameter.add_(0.5 * torch.randn_like(parameter))
    after = network(image)
    torch.testing.assert_close(after["semantic"], before["semantic"])
    assert not torch.allclose(after["depth"], before["depth"])


def test_what_is_not_shared_is_attention_and_heads(network: MultiTaskNetwork) -> None:
    shared, own = (set(map(id, parameters)) for parameters in network.shared_and_task_parameters())
    attentions = {id(p) for task in OUTPUTS for p in attention(network, task)}
    assert not shared & own
    assert shared | own == {id(p) for p in network.parameters()}
    assert own == attentions | {id(p) for p in network.heads.parameters()}


def test_masks_of_one_give_the_shared_segnet(network: MultiTaskNetwork) -> None:
    """With every mask at 1 a task's last feature is the shared SegNet's."""
    for stack in (network.trunk.encoder, network.trunk.decoder):
        for modules in stack.values():
            for module in modules:
                nn.init.zeros_(module[-2].weight)
                nn.init.constant_(module[-2].bias, 50.0)  # sigmoid(50) rounds to 1
    image = torch.randn(IMAGE)
    trunk = network.trunk
    assert isinstance(trunk, MtanTrunk)
    plain = trunk.common["segnet"](image)["decoder"]
    for task in OUTPUTS:
        torch.testing.assert_close(network.features(image)[f"decoder/{task}"], plain)


def test_the_first_and_last_attention_by_hand(network: MultiTaskNetwork) -> None:
    image = torch.randn(IMAGE)
    trunk, features = network.trunk, network.features(image)
    stage = trunk.common["segnet"].encoder[0]
    first, last = stage[:3](image), stage(image)
    masked = trunk.encoder["depth"][0](first) * last
    expected = functional.max_pool2d(trunk.common["encoder"][0](masked), 2)
    torch.testing.assert_close(features["encoder1/depth"], expected)
    second = trunk.common["segnet"].encoder[1]
    pooled = functional.max_pool2d(last, 2)
    seen = torch.cat((second[:3](pooled), expected), dim=1)
    masked = trunk.encoder["depth"][1](seen) * second(pooled)
    torch.testing.assert_close(features["encoder2/depth"], functional.max_pool2d(trunk.common["encoder"][1](masked), 2))


def test_the_tasks_own_feature_is_what_is_aligned(network: MultiTaskNetwork) -> None:
    levels = {"bottleneck": "bottleneck", "decoder": "decoder"}
    teachers = {task: mtan({task: channels}, FILTERS) for task, channels in OUTPUTS.items()}
    frozen = FrozenTeachers(teachers, dict.fromkeys(OUTPUTS, levels))
    channels = network.trunk.channels
    alignment = Alignment(channels, dict.fromkeys(OUTPUTS, channels), dict.fromkeys(OUTPUTS, levels), linear, l2)
    image = torch.randn(IMAGE)
    losses = alignment(network.features(image), frozen(image))
    for task in OUTPUTS:
        student, teacher = network.features(image), teachers[task].eval().features(image)
        expected = sum(
            l2(alignment.adaptors[task][level](student[f"{level}/{task}"]), teacher[f"{level}/{task}"])
            for level in levels
        )
        torch.testing.assert_close(losses[task], expected)
    losses["depth"].backward()
    assert all(p.grad is None for p in attention(network, "semantic"))
    assert all(p.grad is not None for p in attention(network, "depth"))


def test_features_without_owners_serve_every_task() -> None:
    features = {"decoder": torch.zeros(1), "bottleneck/depth": torch.ones(1)}
    assert feature_of(features, "decoder", "depth") is features["decoder"]
    assert feature_of(features, "bottleneck", "depth") is features["bottleneck/depth"]
    with pytest.raises(UserError, match="semantic"):
        feature_of(features, "bottleneck", "semantic")


@pytest.mark.long
def test_mtan_trains_as_teachers_and_distilled_student_through_the_command_line(workspace: Workspace) -> None:
    tiny = [o for o in TINY if not o.startswith(("model.", "dataset.size"))]
    tiny += ["model=mtan_quarter", "model.filters=[4,4,6,6,8]", "dataset.size=[32,64]", "tasks=[semantic,depth]"]
    result = workspace.call("train", "-m", "stage=teacher", "task=semantic,depth", *tiny)
    assert result.code == 0, result.out
    result = workspace.call("train", "stage=student", "loss_weights=gradnorm", *tiny)
    assert result.code == 0, result.out
    (student,) = [run for run in workspace.runs() if read_json(run / "run.json")["stage"] == "student"]
    assert read_json(student / "run.json")["names"]["model"] == "mtan_quarter"
    assert set(read_json(student / "run.json")["teachers"]) == {"semantic", "depth"}
    result = workspace.call("export", f"run={student}")
    assert result.code == 0, result.out
