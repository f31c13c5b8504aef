"""Alignment: against an independent reference, and the properties that the method promises."""

import copy

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from src.distillation.adaptors.conv3x3 import conv3x3
from src.distillation.adaptors.identity import identity
from src.distillation.adaptors.linear import linear
from src.distillation.adaptors.mlp import mlp
from src.distillation.alignment import Alignment
from src.distillation.base import AdaptorTraining, TrainingStep
from src.distillation.distances.cosine import cosine
from src.distillation.distances.l2 import l2
from src.distillation.distances.normalised import normalised
from src.distillation.folding import fold_batchnorm, keep_in_autocast_precision
from src.distillation.frozen_teachers import FrozenTeachers
from src.distillation.offline_distillation import OfflineDistillation, Options
from src.foundation.errors import UserError
from src.models.mtan import mtan
from src.models.segnet import segnet
from src.models.small import small
from src.training.schedules import Constant

TASKS = ("semantic", "depth", "normal")
LAMBDA = {"semantic": 1.0, "depth": 1.0, "normal": 2.0}
MATCHED = {"bottleneck": "bottleneck", "decoder": "decoder"}
TO_LAST = {"bottleneck": "decoder", "decoder": "decoder"}


def random_features(seed: int) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {
        "bottleneck": torch.randn(2, 6, 3, 4, generator=generator),
        "decoder": torch.randn(2, 5, 12, 16, generator=generator),
    }


def reference(student: dict[str, np.ndarray], teachers: dict, weights: dict, levels: dict[str, str]) -> float:
    """The papers' alignment loss in plain numpy, pixel by pixel."""
    total = 0.0
    for task in TASKS:
        for s, t in levels.items():
            adapted = np.einsum("oc,nchw->nohw", weights[task][s], student[s])
            goal = teachers[task][t]
            if adapted.shape[2:] != goal.shape[2:]:
                adapted = bilinear(adapted, goal.shape[2:])
            terms = []
            for n in range(goal.shape[0]):
                for y in range(goal.shape[2]):
                    for x in range(goal.shape[3]):
                        a, b = adapted[n, :, y, x], goal[n, :, y, x]
                        a = a / np.sqrt((a**2).sum() + 1e-6)
                        b = b / np.sqrt((b**2).sum() + 1e-6)
                        terms.append(((a - b) ** 2).sum())
            total += LAMBDA[task] * np.mean(terms)
    return total


def bilinear(value: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resample (N, C, H, W) with pixel centres at half-integers and clamped borders."""
    for axis, length in ((2, size[0]), (3, size[1])):
        old = value.shape[axis]
        at = np.clip((np.arange(length) + 0.5) * old / length - 0.5, 0, old - 1)
        low = np.floor(at).astype(int)
        high = np.minimum(low + 1, old - 1)
        share = (at - low).reshape([-1 if i == axis else 1 for i in range(4)])
        value = value.take(low, axis) * (1 - share) + value.take(high, axis) * share
    return value


def build(levels: dict[str, str], build_adaptor=linear, distance=normalised) -> Alignment:
    torch.manual_seed(0)
    channels = {"bottleneck": 6, "decoder": 5}
    return Alignment(channels, dict.fromkeys(TASKS, channels), dict.fromkeys(TASKS, levels), build_adaptor, distance)


def total_loss(alignment: Alignment, student: dict[str, Tensor], teachers: dict[str, dict[str, Tensor]]) -> Tensor:
    return sum(LAMBDA[task] * value for task, value in alignment(student, teachers).items())


@pytest.mark.parametrize("levels", [MATCHED, TO_LAST], ids=["kd4mtl", "universal"])
def test_loss_gradients_and_step_agree_with_a_reference(levels: dict[str, str]) -> None:
    """Loss by brute force; gradients into student and adaptors by central differences of it; then one Adam step."""
    alignment = build(levels).double()
    student = {k: v.double().requires_grad_() for k, v in random_features(1).items()}
    teachers = {t: {k: v.double() for k, v in random_features(10 + i).items()} for i, t in enumerate(TASKS)}
    numbers = {k: v.detach().numpy().copy() for k, v in student.items()}
    goals = {t: {k: v.numpy() for k, v in f.items()} for t, f in teachers.items()}
    weights = {
        t: {s: alignment.adaptors[t][s].weight.detach().numpy()[:, :, 0, 0].copy() for s in levels} for t in TASKS
    }
    loss = total_loss(alignment, student, teachers)
    # distances are computed in float32 whatever comes in
    assert loss.item() == pytest.approx(reference(numbers, goals, weights, levels), rel=1e-5)
    loss.backward()

    rng = np.random.default_rng(0)
    for values, gradient in [
        (numbers["bottleneck"], student["bottleneck"].grad),
        (numbers["decoder"], student["decoder"].grad),
        *[(weights[t][s], alignment.adaptors[t][s].weight.grad[:, :, 0, 0]) for t in TASKS for s in levels],
    ]:
        for _ in range(3):
            index = tuple(rng.integers(0, n) for n in values.shape)
            kept, step = values[index], 1e-4
            values[index] = kept + step
            above = reference(numbers, goals, weights, levels)
            values[index] = kept - step
            below = reference(numbers, goals, weights, levels)
            values[index] = kept
            assert gradient[index].item() == pytest.approx((above - below) / (2 * step), rel=2e-3, abs=1e-6)

    before = weights["normal"]["decoder"]
    gradient = alignment.adaptors["normal"]["decoder"].weight.grad[:, :, 0, 0].numpy() + 5e-4 * before
    torch.optim.Adam(alignment.parameters(), lr=0.1, weight_decay=5e-4).step()
    after = alignment.adaptors["normal"]["decoder"].weight.detach().numpy()[:, :, 0, 0]
    np.testing.assert_allclose(after, before - 0.1 * gradient / (np.abs(gradient) + 1e-8), rtol=1e-6)


@pytest.mark.parametrize("distance", [normalised, l2, cosine])
def test_identical_features_are_at_distance_zero(distance) -> None:
    feature = torch.randn(2, 5, 4, 6)
    assert distance(feature, feature).item() == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("distance", [normalised, cosine])
@pytest.mark.parametrize("scale", [0.5, 3.0, 100.0])
def test_rescaling_either_side_changes_nothing(distance, scale: float) -> None:
    a, b = torch.randn(2, 8, 4, 6) * 5, torch.randn(2, 8, 4, 6) * 5
    for other in (distance(a * scale, b), distance(a, b * scale)):
        assert other.item() == pytest.approx(distance(a, b).item(), rel=1e-4)


def test_normalised_distance_lies_between_zero_and_four_and_is_two_minus_two_cosines() -> None:
    a, b = torch.randn(2, 8, 4, 6), torch.randn(2, 8, 4, 6)
    assert 0 <= normalised(a, b) <= 4
    assert normalised(a, -a).item() == pytest.approx(4, rel=1e-5)
    assert normalised(a, b).item() == pytest.approx(2 * cosine(a, b).item(), rel=1e-4)
    assert torch.isfinite(normalised(torch.zeros_like(a), b))


def test_l2_is_the_mean_squared_difference() -> None:
    a, b = torch.randn(2, 8, 4, 6), torch.randn(2, 8, 4, 6)
    assert l2(a, b).item() == pytest.approx(((a - b).numpy() ** 2).mean(), rel=1e-5)


@pytest.mark.parametrize("distance", [normalised, l2, cosine, lambda a, b: torch.einsum("nchw,nchw->n", a, b).mean()])
def test_losses_are_float32_under_autocast(distance) -> None:
    """The last one would be computed in bfloat16 if autocast reached it."""
    alignment = build(MATCHED, distance=distance)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        losses = alignment(random_features(1), {t: random_features(2) for t in TASKS})
    assert {value.dtype for value in losses.values()} == {torch.float32}


@pytest.mark.parametrize("build_adaptor", [linear, mlp, conv3x3])
def test_adaptors_change_channels_and_keep_size(build_adaptor) -> None:
    assert build_adaptor(6, 9)(torch.randn(2, 6, 4, 5)).shape == (2, 9, 4, 5)


def test_linear_adaptor_is_the_papers() -> None:
    assert sum(p.numel() for p in linear(512, 512).parameters()) == 512 * 512
    assert sum(p.numel() for p in linear(512, 64).parameters()) == 512 * 64
    assert linear(64, 64).weight.std().item() == pytest.approx((2 / 128) ** 0.5, rel=0.1)  # Xavier normal


def test_identity_adaptor_needs_equal_widths() -> None:
    assert identity(4, 4)(torch.ones(1, 4, 2, 2)).sum() == 16
    with pytest.raises(UserError, match="identity"):
        identity(4, 5)


def make_teachers(batchnorm: str = "eval", levels: set[str] | None = None) -> FrozenTeachers:
    torch.manual_seed(3)
    networks = {task: segnet({task: 2}, [4, 4, 8, 8, 8]) for task in TASKS}
    return FrozenTeachers(networks, dict.fromkeys(TASKS, levels or {"bottleneck", "decoder"}), batchnorm)


@pytest.mark.parametrize("batchnorm", ["eval", "batch"])
def test_teachers_stay_bit_identical_and_without_gradient(batchnorm: str) -> None:
    teachers = make_teachers(batchnorm)
    before = copy.deepcopy(teachers.state_dict())
    student = segnet({task: 2 for task in TASKS}, [4, 4, 8, 8, 8]).train()
    channels = student.trunk.channels
    alignment = Alignment(channels, dict.fromkeys(TASKS, channels), dict.fromkeys(TASKS, MATCHED), linear, normalised)
    optimiser = torch.optim.Adam([*student.parameters(), *alignment.parameters()], lr=0.1)
    for _ in range(3):
        teachers.train()
        image = torch.randn(2, 3, 32, 64)
        loss = sum(alignment(student.features(image), teachers(image)).values())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert not any(p.requires_grad or p.grad is not None for p in teachers.parameters())
    assert all(torch.equal(value, before[key]) for key, value in teachers.state_dict().items())
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in alignment.parameters())
    assert student.trunk.encoder[0][0].weight.grad.abs().sum() > 0
    assert all(p.grad is None for p in student.heads.parameters())


def test_batch_mode_normalises_by_the_batch_and_eval_mode_by_running_statistics() -> None:
    image = torch.randn(2, 3, 32, 64) * 3 + 1
    eval_mode, batch_mode = make_teachers("eval"), make_teachers("batch")
    torch.manual_seed(3)
    released = segnet({"semantic": 2}, [4, 4, 8, 8, 8])  # the released code leaves its teachers in train mode
    expected = released.train().features(image)["decoder"]
    torch.testing.assert_close(batch_mode(image)["semantic"]["decoder"], expected)
    assert not torch.allclose(eval_mode(image)["semantic"]["decoder"], expected, atol=1e-3)


@pytest.mark.parametrize("build", [segnet, small, mtan], ids=["segnet", "small", "mtan"])
def test_folding_leaves_what_a_teacher_sees(build) -> None:
    torch.manual_seed(0)
    network = build({"depth": 1}, [4, 4, 8, 8, 8])
    with torch.no_grad():
        for _ in range(20):
            network(torch.randn(2, 3, 32, 64) * 3 + 1)  # running statistics that are not those it began with
    image = torch.randn(2, 3, 32, 64)
    expected = copy.deepcopy(network).eval().features(image)
    teachers = FrozenTeachers({"depth": network}, {"depth": set(network.trunk.channels)})
    for level, feature in teachers(image)["depth"].items():
        torch.testing.assert_close(feature, expected[level], rtol=1e-3, atol=1e-4)
    assert not [m for m in teachers.modules() if isinstance(m, nn.BatchNorm2d)]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_kernels_kept_in_autocast_precision_leave_what_a_teacher_sees(dtype: torch.dtype) -> None:
    teachers, image = make_teachers(), torch.randn(2, 3, 32, 64)
    device = image.device
    with torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16):
        expected = teachers(image)
        keep_in_autocast_precision(teachers, device)
        found = teachers(image)
    kernels = {layer.weight.dtype for layer in teachers.modules() if isinstance(layer, nn.Conv2d)}
    assert kernels == {dtype}
    for task, levels in expected.items():
        for level, feature in levels.items():
            assert torch.equal(found[task][level], feature)


def test_folding_passes_over_layers_that_do_more_than_they_are_called() -> None:
    class NormAndReLU(nn.BatchNorm2d):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x).relu()

    layers = nn.Sequential(nn.Conv2d(3, 4, 3), NormAndReLU(4), nn.Conv2d(4, 4, 3)).eval()
    image = torch.randn(1, 3, 8, 8)
    expected = layers(image)
    fold_batchnorm(layers)
    torch.testing.assert_close(layers(image), expected)


def test_no_teacher_computes_a_head_or_a_layer_beyond_the_deepest_aligned_level() -> None:
    teachers = make_teachers(levels={"bottleneck"})
    called: list[str] = []
    for name, module in teachers.named_modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(lambda *_, name=name: called.append(name))
    teachers(torch.randn(1, 3, 32, 64))
    assert called
    assert not [name for name in called if "heads" in name or "decoder" in name]


def test_a_level_that_a_teacher_lacks_is_named() -> None:
    with pytest.raises(UserError, match="'decoder7'"):
        make_teachers(levels={"decoder7"})


def test_levels_of_another_size_and_width_are_resampled_and_adapted() -> None:
    student, teacher = small({"depth": 1}, [8, 8, 16, 16]), segnet({"depth": 1}, [4, 4, 8, 8, 8])
    alignment = Alignment(
        student.trunk.channels, {"depth": teacher.trunk.channels}, {"depth": MATCHED}, linear, normalised
    )
    image = torch.randn(2, 3, 64, 96)
    frozen = FrozenTeachers({"depth": teacher}, {"depth": {"bottleneck", "decoder"}})
    loss = alignment(student.features(image), frozen(image))
    assert 0 < loss["depth"].item() < 8


class Rescaled(nn.Module):
    """A distance that learns how large teacher features are."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))
        self.seen: set[torch.dtype] = set()

    def forward(self, adapted: Tensor, teacher: Tensor) -> Tensor:
        self.seen |= {adapted.dtype, teacher.dtype}
        return (self.scale * adapted - teacher).square().mean()


def test_a_distance_with_parameters_is_trained_with_the_adaptors() -> None:
    torch.manual_seed(0)
    student, distance = segnet(dict.fromkeys(TASKS, 2), [4, 4, 8, 8, 8]), Rescaled()
    channels = student.trunk.channels
    alignment = Alignment(channels, dict.fromkeys(TASKS, channels), dict.fromkeys(TASKS, MATCHED), linear, distance)
    distillation = OfflineDistillation(
        make_teachers(), {}, Options(), alignment=alignment, weights={}, adaptors=AdaptorTraining({}, Constant())
    )
    assert sum(parameter is distance.scale for parameter in distillation.auxiliary_parameters()) == 1
    image = torch.randn(2, 3, 32, 64)
    with torch.autocast("cpu", torch.bfloat16):
        output = distillation(TrainingStep({"image": image}, student.features(image), {}, {}))
    assert distance.seen == {torch.float32}
    torch.stack(list(output.losses.values())).sum().backward()
    assert distance.scale.grad is not None
    assert distance.scale.grad.abs() > 0
