"""Distances: what every distance of conf/distance promises, and each against brute force in numpy."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from src.app.conf import CONF, option
from src.distillation.distances.attention import attention
from src.distillation.distances.base import DISTANCES, InFloat32
from src.distillation.distances.channel_kl import channel_kl
from src.distillation.distances.cosine import cosine
from src.distillation.distances.l1 import l1
from src.distillation.distances.normalised import normalised
from src.distillation.distances.products import channel_products
from src.foundation.errors import UserError

CONFIGS = {path.stem: path for path in sorted(CONF.glob("distance/*.yaml"))}
Distance = Callable[[Tensor, Tensor], Tensor]


def distance_named(name: str) -> Distance:
    return DISTANCES.bind(option("distance", name))


def pair(seed: int = 0, scale: float = 1.0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    adapted, teacher = (torch.randn(3, 5, 4, 6, generator=generator) * scale for _ in range(2))
    return adapted, teacher


def brute_l1(a: np.ndarray, b: np.ndarray) -> float:
    return sum(abs(x - y) for x, y in zip(a.ravel(), b.ravel(), strict=True)) / a.size


def brute_cosine(a: np.ndarray, b: np.ndarray) -> float:
    terms = []
    for n, y, x in np.ndindex(a.shape[0], *a.shape[2:]):
        u, v = a[n, :, y, x], b[n, :, y, x]
        terms.append(1 - u @ v / np.sqrt((u @ u) * (v @ v)))
    return float(np.mean(terms))


def brute_channel_kl(a: np.ndarray, b: np.ndarray, tau: float) -> float:
    terms = []
    for n, c in np.ndindex(a.shape[:2]):
        q, p = (np.exp(side[n, c].ravel() / tau) for side in (a, b))
        q, p = q / q.sum(), p / p.sum()
        terms.append(tau**2 * sum(p[i] * np.log(p[i] / q[i]) for i in range(p.size)))
    return float(np.mean(terms))


def brute_attention(a: np.ndarray, b: np.ndarray) -> float:
    terms = []
    for n in range(a.shape[0]):
        maps = [np.array([np.mean(side[n, :, y, x] ** 2) for y, x in np.ndindex(a.shape[2:])]) for side in (a, b)]
        ours, theirs = (m / np.sqrt((m**2).sum()) for m in maps)
        terms.append(((ours - theirs) ** 2).sum())
    return float(np.mean(terms))


def as_numpy(*features: Tensor) -> list[np.ndarray]:
    return [feature.double().numpy() for feature in features]


def test_the_distances_that_the_command_line_promises_are_there() -> None:
    assert {"normalised", "l2", "cosine", "l1", "channel_kl", "attention"} <= set(CONFIGS)


@pytest.mark.parametrize("name", CONFIGS)
class TestEveryDistance:
    def test_the_first_line_of_its_config_shows_how_to_use_it(self, name: str) -> None:
        assert CONFIGS[name].read_text().startswith(f"# distance={name}: ")

    def test_scalar_float32_and_positive_between_different_features(self, name: str) -> None:
        value = distance_named(name)(*pair())
        assert value.shape == ()
        assert value.dtype == torch.float32
        assert value.item() > 1e-3

    def test_bfloat16_features_are_compared_in_float32(self, name: str) -> None:
        adapted, teacher = (side.bfloat16() for side in pair())
        adapted.requires_grad_()
        value = InFloat32(distance_named(name))(adapted, teacher)
        copied = adapted.detach().float().requires_grad_()
        expected = distance_named(name)(copied, teacher.float())
        assert value.item() == pytest.approx(expected.item(), rel=1e-5)
        (gradient,) = torch.autograd.grad(value, adapted)
        assert gradient.dtype == torch.bfloat16
        (exact,) = torch.autograd.grad(expected, copied)
        torch.testing.assert_close(gradient.float(), exact, rtol=2**-7, atol=1e-6)

    def test_zero_for_identical_features(self, name: str) -> None:
        for scale in (0.1, 1.0, 30.0):
            feature, _ = pair(scale=scale)
            assert distance_named(name)(feature, feature.clone()).item() == pytest.approx(0, abs=1e-6)

    def test_descent_brings_the_student_nearer(self, name: str) -> None:
        """Differentiable, and the gradient points the right way."""
        adapted, teacher = pair()
        distance = distance_named(name)
        adapted.requires_grad_()
        before = distance(adapted, teacher)
        (gradient,) = torch.autograd.grad(before, adapted)
        step = 0.02 * gradient / gradient.abs().max()
        assert distance(adapted.detach() - step, teacher) < before

    @pytest.mark.parametrize("teacher_too", [False, True])
    @pytest.mark.parametrize("level", [0.0, 2.5])
    def test_gradient_is_finite_at_zeros_and_for_constant_features(
        self, name: str, level: float, teacher_too: bool
    ) -> None:
        adapted = torch.full((2, 5, 4, 6), level, requires_grad=True)
        teacher = adapted.detach().clone() if teacher_too else pair()[1][:2]
        value = distance_named(name)(adapted, teacher)
        value.backward()
        assert torch.isfinite(value)
        assert torch.isfinite(adapted.grad).all()

    def test_gradient_is_finite_where_the_teacher_is_zero(self, name: str) -> None:
        adapted, _ = pair()
        value = distance_named(name)(adapted.requires_grad_(), torch.zeros_like(adapted))
        value.backward()
        assert torch.isfinite(value)
        assert torch.isfinite(adapted.grad).all()

    def test_the_order_of_images_and_doubling_the_batch_change_nothing(self, name: str) -> None:
        adapted, teacher = pair()
        expected = distance_named(name)(adapted, teacher).item()
        for order in ([2, 0, 1], [0, 1, 2, 0, 1, 2]):
            assert distance_named(name)(adapted[order], teacher[order]).item() == pytest.approx(expected, rel=1e-5)

    def test_repeating_channels_changes_nothing(self, name: str) -> None:
        """So that a lambda means the same at narrow and wide levels."""
        adapted, teacher = (torch.cat([side, side], 1) for side in pair())
        assert distance_named(name)(adapted, teacher).item() == pytest.approx(
            distance_named(name)(*pair()).item(), rel=1e-5
        )


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("scale", [0.3, 4.0])
class TestAgainstBruteForce:
    def test_l1(self, seed: int, scale: float) -> None:
        features = pair(seed, scale)
        assert l1(*features).item() == pytest.approx(brute_l1(*as_numpy(*features)), rel=1e-5)

    def test_cosine(self, seed: int, scale: float) -> None:
        features = pair(seed, scale)
        assert cosine(*features).item() == pytest.approx(brute_cosine(*as_numpy(*features)), rel=1e-5)

    @pytest.mark.parametrize("tau", [1.0, 4.0])
    def test_channel_kl(self, seed: int, scale: float, tau: float) -> None:
        features = pair(seed, scale)
        expected = brute_channel_kl(*as_numpy(*features), tau)
        assert channel_kl(*features, tau=tau).item() == pytest.approx(expected, rel=1e-4)

    def test_attention(self, seed: int, scale: float) -> None:
        features = pair(seed, scale)
        assert attention(*features).item() == pytest.approx(brute_attention(*as_numpy(*features)), rel=1e-5)


def test_channel_kl_takes_its_usual_temperature_from_the_paper() -> None:
    assert distance_named("channel_kl")(*pair()).item() == pytest.approx(
        brute_channel_kl(*as_numpy(*pair()), 4.0), rel=1e-4
    )


def test_channel_kl_ignores_the_level_of_each_channel() -> None:
    adapted, teacher = pair()
    shift = torch.linspace(-20, 20, 5).reshape(1, 5, 1, 1)
    expected = channel_kl(adapted, teacher).item()
    assert channel_kl(adapted + shift, teacher).item() == pytest.approx(expected, rel=1e-4)
    assert channel_kl(adapted, teacher - shift).item() == pytest.approx(expected, rel=1e-4)


def test_channel_kl_weighs_by_the_teacher() -> None:
    """KL is asymmetric: what counts is a student that misses what the teacher attends to."""
    flat, peaked = torch.zeros(1, 1, 2, 2), torch.tensor([40.0, 0, 0, 0]).reshape(1, 1, 2, 2)
    assert channel_kl(flat, peaked, tau=1.0).item() == pytest.approx(np.log(4), rel=1e-4)
    assert channel_kl(peaked, flat, tau=1.0).item() == pytest.approx(30 - np.log(4), rel=1e-4)


def test_channel_kl_is_never_negative_by_rounding() -> None:
    for seed in range(40):
        _, teacher = pair(seed, 5.0)
        assert channel_kl(teacher + 1e-5 * pair(seed + 100)[0], teacher).item() >= 0


@pytest.mark.parametrize("scale", [1e3, 1e10, 1e30])
def test_channel_kl_resists_overflow(scale: float) -> None:
    adapted, teacher = pair(scale=scale)
    value = channel_kl(adapted.requires_grad_(), teacher)
    value.backward()
    assert torch.isfinite(value)
    assert torch.isfinite(adapted.grad).all()


@pytest.mark.parametrize(
    ("name", "option", "value"),
    [
        ("channel_kl", "tau", 0.0),
        ("channel_kl", "tau", -1.0),
        ("channel_kl", "tau", float("inf")),
        ("normalised", "eps", 0.0),
        ("cosine", "eps", -1.0),
    ],
)
def test_what_is_no_temperature_and_no_length_is_refused(name: str, option: str, value: float) -> None:
    with pytest.raises(UserError, match=rf"distance\.{option}={value} is not"):
        DISTANCES.bind({"_target_": name, option: value})


def test_attention_ignores_scale_sign_and_order_of_channels_on_either_side() -> None:
    adapted, teacher = pair()
    expected = attention(adapted, teacher).item()
    scale = torch.tensor([0.01, 3.0, 200.0]).reshape(3, 1, 1, 1)
    for change in (lambda f: f * scale, lambda f: -f, lambda f: f[:, [4, 2, 0, 1, 3]]):
        assert attention(change(adapted), teacher).item() == pytest.approx(expected, rel=1e-4)
        assert attention(adapted, change(teacher)).item() == pytest.approx(expected, rel=1e-4)


def test_attention_compares_features_of_different_width() -> None:
    adapted, _ = pair()
    assert attention(adapted, torch.cat([adapted, adapted], 1)).item() == pytest.approx(0, abs=1e-6)


def test_attention_is_two_where_the_sides_look_at_different_pixels() -> None:
    left, right = torch.zeros(2, 3, 4, 6), torch.zeros(2, 3, 4, 6)
    left[..., :3], right[..., 3:] = 1, 5
    assert attention(left, right).item() == pytest.approx(2, rel=1e-5)


def test_channel_products_and_their_gradients_are_those_of_autograd() -> None:
    a, b = (side.double().requires_grad_() for side in pair())
    assert torch.autograd.gradcheck(channel_products, (a, b))
    for found, expected in zip(channel_products(a, b), ((a * a).sum(1), (b * b).sum(1), (a * b).sum(1)), strict=True):
        torch.testing.assert_close(found, expected)


def test_each_task_gradient_can_be_taken_at_once() -> None:
    """As TorchJD takes them: the backward pass is vectorised."""
    a, b = pair()
    a.requires_grad_()
    losses = torch.stack([normalised(a, b), cosine(a, b.roll(1, 1))])
    (together,) = torch.autograd.grad(losses, a, torch.eye(2), is_grads_batched=True, retain_graph=True)
    for row, loss in zip(together, losses, strict=True):
        (alone,) = torch.autograd.grad(loss, a, retain_graph=True)
        torch.testing.assert_close(row, alone)


@pytest.mark.parametrize("distance", [normalised, cosine])
def test_nothing_of_a_features_size_is_kept_but_the_features(distance: Distance) -> None:
    kept: list[Tensor] = []
    adapted, teacher = (torch.randn(2, 64, 8, 8).bfloat16() for _ in range(2))
    adapted.requires_grad_()

    def note(value: Tensor) -> Tensor:
        kept.append(value)
        return value

    with torch.autograd.graph.saved_tensors_hooks(note, lambda value: value):
        InFloat32(distance)(adapted, teacher)
    large = {value.data_ptr() for value in kept if value.numel() >= adapted.numel()}
    assert large == {adapted.data_ptr(), teacher.data_ptr()}
