"""Adaptors: what every adaptor of conf/adaptor promises, and what sets each apart."""

import pytest
import torch
from torch import Tensor, nn

from src.app.conf import CONF, option
from src.distillation.adaptors.base import ADAPTORS, SharedAdaptor, adaptors_of_level
from src.distillation.adaptors.depthwise import depthwise
from src.distillation.adaptors.linear import linear
from src.distillation.adaptors.low_rank import low_rank
from src.distillation.adaptors.residual import Residual
from src.distillation.adaptors.shared import Shared
from src.foundation.errors import UserError

CONFIGS = {path.stem: path for path in sorted(CONF.glob("adaptor/*.yaml"))}
TASKS = ("semantic", "depth", "normal")
WIDTHS = [(6, 6), (6, 9), (9, 2), (1, 3)]
CASES = [(name, *widths) for name in CONFIGS for widths in WIDTHS if name != "identity" or widths[0] == widths[1]]


def adaptors(name: str, channels_in: int, channels_out: int) -> nn.ModuleDict:
    """The adaptors of one level for all tasks, as a student holds them."""
    build = ADAPTORS.bind(option("adaptor", name))
    return nn.ModuleDict(adaptors_of_level(build, channels_in, dict.fromkeys(TASKS, channels_out)))


def outputs(modules: nn.ModuleDict, feature: Tensor) -> dict[str, Tensor]:
    return {task: module(feature) for task, module in modules.items()}


def train(modules: nn.ModuleDict, steps: int, channels_in: int, channels_out: int) -> None:
    """Take steps on a random regression, a target per task; gradients of the last step are kept."""
    optimiser = torch.optim.SGD(modules.parameters(), lr=0.05)
    for _ in range(steps):
        adapted = outputs(modules, torch.randn(4, channels_in, 5, 7)).values()
        loss = sum((value - torch.randn(4, channels_out, 5, 7) - i).square().mean() for i, value in enumerate(adapted))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


def test_the_adaptors_that_the_command_line_promises_are_there() -> None:
    assert {"identity", "linear", "mlp", "conv3x3", "depthwise", "low_rank", "residual", "shared"} <= set(CONFIGS)


@pytest.mark.parametrize("name", CONFIGS)
def test_the_first_line_of_its_config_shows_how_to_use_it(name: str) -> None:
    assert CONFIGS[name].read_text().startswith(f"# adaptor={name}: ")


@pytest.mark.parametrize(("name", "channels_in", "channels_out"), CASES)
def test_size_is_kept_and_channels_are_the_teachers(name: str, channels_in: int, channels_out: int) -> None:
    built = adaptors(name, channels_in, channels_out)
    assert set(built) == set(TASKS)
    for size in ((5, 7), (2, 3)):
        for adapted in outputs(built, torch.randn(2, channels_in, *size)).values():
            assert adapted.shape == (2, channels_out, *size)


@pytest.mark.parametrize("name", sorted(set(CONFIGS) - {"identity"}))
def test_gradient_reaches_every_parameter_and_the_feature(name: str) -> None:
    built = adaptors(name, 6, 9)
    train(built, 2, 6, 9)  # what starts at zero holds back the gradient of the first step
    silent = [key for key, p in built.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert not silent
    feature = torch.randn(2, 6, 5, 7, requires_grad=True)
    sum(value.square().sum() for value in outputs(built, feature).values()).backward()
    assert (feature.grad.abs().sum((0, 2, 3)) > 0).all()


@pytest.mark.parametrize(("name", "channels_in", "channels_out"), CASES)
def test_state_dict_round_trip(name: str, channels_in: int, channels_out: int) -> None:
    trained, fresh = (adaptors(name, channels_in, channels_out) for _ in range(2))
    if list(trained.parameters()):
        train(trained, 2, channels_in, channels_out)
    feature = torch.randn(2, channels_in, 5, 7)
    fresh.load_state_dict(trained.state_dict())
    expected, restored = outputs(trained.eval(), feature), outputs(fresh.eval(), feature)
    for task in TASKS:
        torch.testing.assert_close(restored[task], expected[task], rtol=0, atol=0)


@pytest.mark.parametrize("name", sorted(set(CONFIGS) - {"identity"}))
def test_tasks_learn_apart(name: str) -> None:
    """The tasks' targets differ, so what they share must not make them one."""
    built = adaptors(name, 6, 9)
    train(built, 3, 6, 9)
    semantic, depth, normal = outputs(built, torch.randn(2, 6, 5, 7)).values()
    assert not torch.allclose(semantic, depth)
    assert not torch.allclose(depth, normal)


def test_each_task_has_weights_of_its_own_and_width_unless_they_are_shared() -> None:
    built = adaptors_of_level(linear, 6, {"semantic": 6, "depth": 9})
    assert [built[task](torch.ones(1, 6, 2, 2)).shape[1] for task in ("semantic", "depth")] == [6, 9]
    assert built["semantic"].weight is not built["depth"].weight
    assert isinstance(ADAPTORS.bind(option("adaptor", "shared")), SharedAdaptor)


def test_depthwise_sees_a_neighbourhood_of_its_own_channel_then_mixes_channels() -> None:
    adaptor, feature = depthwise(4, 5), torch.zeros(1, 4, 7, 7)
    feature[0, 2, 3, 3] = 1
    seen = adaptor(feature)[0].abs().sum(0) > 0
    assert seen[2:5, 2:5].all()
    assert seen.sum() == 9
    per_channel = adaptor[0](feature)[0].abs().sum((1, 2)) > 0
    assert per_channel.tolist() == [False, False, True, False]
    assert sum(p.numel() for p in adaptor.parameters()) == 4 * 9 + 4 * 5


@pytest.mark.parametrize("width", [8, 256])
def test_depthwise_starts_at_the_scale_of_its_input_whatever_the_width(width: int) -> None:
    adapted = depthwise(width, width)(torch.randn(2, width, 12, 12))[..., 1:-1, 1:-1]
    assert adapted.std().item() == pytest.approx(1, rel=0.35)


@pytest.mark.parametrize(
    ("channels_in", "channels_out", "options", "rank"),
    [(64, 16, {}, 4), (12, 40, {}, 3), (3, 8, {}, 1), (16, 16, {"rank": 2}, 2)],
)
def test_low_rank_maps_have_that_rank(channels_in: int, channels_out: int, options: dict, rank: int) -> None:
    basis = torch.eye(channels_in)[..., None, None]
    matrix = low_rank(channels_in, channels_out, **options)(basis).flatten(1)
    assert torch.linalg.matrix_rank(matrix, rtol=1e-4) == rank


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"_target_": "low_rank", "rank": 0}, r"adaptor\.rank=0 is not at least 1"),
        ({"_target_": "mlp", "expansion": 0.0}, r"adaptor\.expansion=0\.0 is not above 0"),
        ({"_target_": "residual", "expansion": -1.0}, r"adaptor\.expansion=-1\.0 is not above 0"),
    ],
)
def test_options_that_leave_no_hidden_channel_are_refused(options: dict, words: str) -> None:
    with pytest.raises(UserError, match=words):
        ADAPTORS.bind(options)


def test_residual_starts_as_linear() -> None:
    adaptor, feature = Residual(6, 9), torch.randn(4, 6, 5, 7)
    torch.testing.assert_close(adaptor(feature), adaptor.linear(feature), rtol=0, atol=0)
    torch.testing.assert_close(adaptor(3 * feature), 3 * adaptor(feature))


def test_residual_learns_what_no_linear_adaptor_can() -> None:
    """The magnitude of a symmetric feature: the best linear map is zero, at an error of 1."""
    adaptor = Residual(6, 6, expansion=2.0)
    optimiser = torch.optim.Adam(adaptor.parameters(), lr=0.05)
    for _ in range(60):
        feature = torch.randn(4, 6, 5, 7)
        loss = (adaptor(feature) - feature.abs()).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert loss.item() < 0.7


def test_shared_adaptors_hold_one_convolution_and_start_alike() -> None:
    built = adaptors("shared", 6, 9)
    assert sum(p.numel() for p in built.parameters()) == 6 * 9 + len(TASKS) * 9
    feature = torch.randn(2, 6, 5, 7)
    adapted = outputs(built, feature)
    for task in TASKS[1:]:
        torch.testing.assert_close(adapted[task], adapted["semantic"], rtol=0, atol=0)


def test_after_training_shared_adaptors_differ_by_a_scale_per_channel_and_still_share_the_rest() -> None:
    built = adaptors("shared", 6, 9)
    train(built, 5, 6, 9)
    semantic, depth, _ = outputs(built, torch.randn(2, 6, 5, 7)).values()
    ratio = (depth / semantic).transpose(0, 1).flatten(1)
    torch.testing.assert_close(ratio, ratio[:, :1].expand_as(ratio), rtol=1e-4, atol=1e-4)
    assert len(ratio[:, 0].unique()) == 9


def test_shared_adaptors_refuse_teachers_of_different_width_and_name_them() -> None:
    with pytest.raises(UserError) as refusal:
        adaptors_of_level(Shared(), 6, {"semantic": 9, "depth": 7})
    assert all(part in str(refusal.value) for part in ("adaptor=shared", "semantic has 9", "depth has 7"))
