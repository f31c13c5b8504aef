"""Loss weightings held against their papers' equations, and against optima that are searched for by brute force."""

import itertools

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from src.loss_weights.gradient_method import GradientMethod
from src.loss_weights.imtl_h import HybridImpartialLearning
from src.loss_weights.nash_mtl import NashBargaining
from src.loss_weights.sdmgrad import SDMGrad, onto_simplex
from src.loss_weights.stch import SmoothTchebycheff
from tests.loss_weights.test_loss_weights import NAMES, NOWHERE, TASKS, Toy, build, missing, moved_toy

THREE = ("a", "b", "c")


def simplex_grid(tasks: int, steps: int) -> Tensor:
    """All weights on the simplex that are multiples of 1 / steps."""
    counts = itertools.product(range(steps + 1), repeat=tasks - 1)
    points = [[*c, steps - sum(c)] for c in counts if sum(c) <= steps]
    return torch.tensor(points, dtype=torch.double) / steps


def gradient_method(name: str, tasks: tuple[str, ...] = THREE) -> GradientMethod:
    method = build(name, tasks)
    assert isinstance(method, GradientMethod)
    return method


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
@pytest.mark.parametrize("seed", range(3))
def test_sdmgrad_finds_the_optimum_of_its_papers_problem(seed: int, scale: float) -> None:
    """min over the simplex of |J^T w|^2 / 2 + lambda w^T J J^T 1/T, both samples being the same."""
    jacobian = torch.randn(3, 4, generator=torch.Generator().manual_seed(seed)).double() * torch.tensor(
        [[1.0], [2], [3]]
    )
    weighting = SDMGrad(THREE, strength=0.3)
    direction = weighting.direction((scale * jacobian).float().repeat_interleave(2, dim=0))
    grid = simplex_grid(3, 200)
    values = (grid @ jacobian).square().sum(1) / 2 + 0.3 * grid @ (jacobian @ jacobian.mean(0))
    best = grid[values.argmin()]
    assert (best > 0.01).sum() > 1  # no corner of the simplex
    expected = (best + 0.3 / 3) / 1.3
    torch.testing.assert_close(weighting.weights().double(), expected, rtol=0, atol=0.006)
    torch.testing.assert_close(
        direction.double() / scale, weighting.weights().double() @ jacobian, rtol=1e-4, atol=1e-5
    )


def test_sdmgrad_goes_on_from_its_last_weights_and_survives_disagreeing_halves() -> None:
    first, second = torch.randn(2, 3, 5, generator=torch.Generator().manual_seed(1))
    halves = torch.stack((first, -second), dim=1).flatten(0, 1)
    once, slowly = SDMGrad(THREE, iterations=400), SDMGrad(THREE, iterations=1)
    once.direction(halves)
    for _ in range(400):
        slowly.direction(halves)
    assert once.weights().sum().item() == pytest.approx(1)
    torch.testing.assert_close(slowly.weights(), once.weights(), rtol=0, atol=1e-3)


def test_the_projection_onto_the_simplex_is_the_nearest_point() -> None:
    values = np.array([0.9, 0.5, -0.7])
    grid = simplex_grid(3, 100).numpy()
    nearest = grid[np.square(grid - values).sum(1).argmin()]
    np.testing.assert_allclose(onto_simplex(values), nearest, atol=0.01)


@pytest.mark.parametrize("tasks", [2, 3])
def test_aligned_mtl_is_the_sum_of_the_aligned_gradients(tasks: int) -> None:
    """Aligned gradients are the orthogonal rows nearest to the gradients, of the smallest singular value as norm."""
    names = THREE[:tasks]
    jacobian = torch.randn(tasks, 6, generator=torch.Generator().manual_seed(0))
    left, values, right = torch.linalg.svd(jacobian, full_matrices=False)
    aligned = values.min() * left @ right
    direction = gradient_method("aligned_mtl", names).direction(jacobian)
    torch.testing.assert_close(direction, aligned.sum(dim=0), rtol=1e-3, atol=1e-4)
    assert direction.norm().item() == pytest.approx(tasks**0.5 * values.min().item(), rel=1e-3)
    rotations = torch.linalg.qr(torch.randn(2000, 6, tasks, generator=torch.Generator().manual_seed(1)))[0].mT
    distances = (values.min() * rotations - jacobian).square().sum((1, 2))
    assert (aligned - jacobian).square().sum() < distances.min()


@pytest.mark.skipif(missing("cagrad"), reason="needs the extra `balancing`")
@pytest.mark.parametrize("scale", [1e-6, 1.0])
def test_cagrad_maximises_the_worst_task_near_the_mean_gradient(scale: float) -> None:
    """max_d min_t g_t d subject to |d - g0| <= c |g0|, over directions of a plane."""
    jacobian = torch.tensor([[1.0, 0.2], [-0.4, 1.5]])
    direction = gradient_method("cagrad", TASKS).direction(scale * jacobian) / scale
    mean = jacobian.mean(0)
    radius, angle = torch.meshgrid(torch.linspace(0, 0.4, 200), torch.linspace(0, 6.2832, 2000), indexing="ij")
    disc = mean + mean.norm() * radius[..., None] * torch.stack((angle.cos(), angle.sin()), dim=-1)
    worst = (disc @ jacobian.T).amin(-1)
    assert (direction - mean).norm().item() == pytest.approx(0.4 * mean.norm().item(), rel=1e-3)
    assert (jacobian @ direction).min().item() == pytest.approx(worst.max().item(), rel=1e-3)


@pytest.mark.skipif(missing("cagrad"), reason="needs the extra `balancing`")
def test_cagrad_takes_the_mean_gradient_where_no_direction_helps_every_task() -> None:
    jacobian = torch.tensor([[1.0, 0.2], [0.0, 0.0]])
    torch.testing.assert_close(gradient_method("cagrad", TASKS).direction(jacobian), jacobian.mean(0))


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_mgda_finds_the_point_of_the_hull_with_the_smallest_norm(scale: float) -> None:
    jacobian = torch.randn(3, 4, generator=torch.Generator().manual_seed(3)) + 0.5
    direction = gradient_method("mgda").direction(scale * jacobian) / scale
    smallest = (simplex_grid(3, 200).float() @ jacobian).norm(dim=1).min()
    assert direction.norm().item() <= smallest.item() * 1.01


GRADIENT_METHODS = [name for name in NAMES if not missing(name) and isinstance(build(name), GradientMethod)]
POWERS = {"fairgrad": (1 - 2) / (1 + 2), "nash_mtl": 0.0}
"""How the direction grows with the gradients where it is not in proportion: FairGrad's with alpha = 2, Nash-MTL's."""


@pytest.mark.parametrize("scale", [1e-6, 1e6])
@pytest.mark.parametrize("name", GRADIENT_METHODS)
def test_a_direction_scales_with_the_gradients_as_the_method_says(name: str, scale: float) -> None:
    jacobian = torch.randn(3, 5, generator=torch.Generator().manual_seed(2)) * torch.tensor([[1.0], [3.0], [0.5]])
    seen = []
    for size in (1.0, scale):
        method = gradient_method(name)
        torch.manual_seed(0)
        rows = jacobian.repeat_interleave(method.parts, dim=0)
        seen.append(method.direction(size * rows).double() / size ** POWERS.get(name, 1.0))
    assert seen[0].norm() > 0
    torch.testing.assert_close(seen[1], seen[0], rtol=2e-3, atol=2e-3 * seen[0].norm().item())


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
@pytest.mark.parametrize("seed", range(4))
def test_nash_mtl_solves_its_equation_and_is_cut_to_its_norm(seed: int, scale: float) -> None:
    jacobian = torch.randn(3, 50, generator=torch.Generator().manual_seed(seed)) * torch.tensor([[1.0], [30.0], [0.5]])
    free, cut = NashBargaining(THREE, max_norm=0), NashBargaining(THREE, max_norm=1)
    direction = free.direction(scale * jacobian)
    weights = free.weights().double()
    products = (scale * jacobian).double() @ (scale * jacobian).double().T
    torch.testing.assert_close(weights * (products @ weights), torch.ones(3).double(), rtol=1e-4, atol=1e-4)
    assert direction.norm().item() == pytest.approx(3**0.5, rel=1e-4)
    torch.testing.assert_close(cut.direction(scale * jacobian), direction / direction.norm())
    torch.testing.assert_close(cut.weights(), free.weights() / direction.norm())


def test_nash_mtl_keeps_its_solution_between_updates_and_leaves_out_tasks_without_a_gradient() -> None:
    first, second = torch.randn(2, 3, 5, generator=torch.Generator().manual_seed(0))
    weighting = NashBargaining(THREE, max_norm=0, update_weights_every=2)
    weighting.direction(first)
    weights = weighting.weights().clone()
    torch.testing.assert_close(weighting.direction(second), weights @ second)
    weighting.direction(torch.stack((second[0], torch.zeros(5), second[2])))
    assert weighting.weights()[1] == 0
    assert (weighting.weights()[[0, 2]] > 0).all()
    opposite = torch.stack((second[0], -second[0], second[2]))
    assert NashBargaining(THREE).direction(opposite).isfinite().all()


def slopes(weighting: SmoothTchebycheff, losses: Tensor) -> tuple[float, Tensor]:
    leaf = losses.clone().requires_grad_()
    total = weighting.combine(leaf, NOWHERE)
    total.backward()
    assert leaf.grad is not None
    torch.testing.assert_close(weighting.weights(), leaf.grad)
    return total.item(), leaf.grad


def test_stch_is_the_sum_of_logarithms_until_the_epoch_of_the_nadir_has_ended() -> None:
    weighting = SmoothTchebycheff(TASKS, warm_up=1)
    for losses in (torch.tensor([1.0, 4.0]), torch.tensor([2.0, 0.5])):  # the second epoch's are the nadir
        value, gradient = slopes(weighting, losses)
        assert value == pytest.approx(losses.log().sum().item())
        torch.testing.assert_close(gradient, 1 / losses)
        weighting.end_epoch()
    value, _ = slopes(weighting, torch.tensor([2.0, 0.5]))
    assert value == pytest.approx(2 * torch.tensor(2.0).log().item())  # T mu log(1 + 1)


@pytest.mark.parametrize("mu", [0.1, 1.0])
def test_stch_is_a_soft_maximum_of_log_losses_over_the_mean_losses_of_the_nadirs_epoch(mu: float) -> None:
    weighting = SmoothTchebycheff(THREE, mu=mu, warm_up=0)
    for epoch in ([1.0, 2.0, 8.0], [3.0, 2.0, 4.0]):
        slopes(weighting, torch.tensor(epoch))
    weighting.end_epoch()
    losses, nadir = torch.tensor([1.5, 0.9, 3.0]), torch.tensor([2.0, 2.0, 6.0])
    value, gradient = slopes(weighting, losses)
    rates = (losses / nadir).log()
    largest = 3 * rates.max().item()
    assert largest <= value <= largest + 3 * mu * torch.tensor(3.0).log().item() + 1e-6
    assert value == pytest.approx(3 * mu * (rates / mu).exp().sum().log().item(), rel=1e-4)
    torch.testing.assert_close(gradient, 3 * torch.softmax(rates / mu, dim=0) / losses)


def test_imtl_h_projects_equally_on_the_gradients_of_the_scaled_losses() -> None:
    toy, weighting = moved_toy(), HybridImpartialLearning(TASKS)
    with torch.no_grad():
        weighting.log_scales.copy_(torch.tensor([0.7, -2.0]))
    scaled = weighting.log_scales.detach().exp()[:, None] * toy.jacobian()
    weighting.combine(toy.losses(), toy.parameters_behind).backward()
    direction = toy.shared.grad
    projections = nn.functional.normalize(scaled, dim=1) @ direction
    assert projections[0].item() == pytest.approx(projections[1].item(), rel=1e-3)
    shares = torch.linalg.solve(scaled.T, direction)
    assert shares.sum().item() == pytest.approx(1, rel=1e-3)
    torch.testing.assert_close(weighting.weights(), shares * weighting.log_scales.detach().exp(), rtol=1e-3, atol=1e-4)


def test_imtl_h_heads_and_scales_follow_the_scaled_losses() -> None:
    toy, weighting, plain = moved_toy(), HybridImpartialLearning(TASKS), Toy()
    scales = torch.tensor([0.7, -2.0])
    with torch.no_grad():
        weighting.log_scales.copy_(scales)
        plain.shared.copy_(toy.shared)
    weighting.combine(toy.losses(), toy.parameters_behind).backward()
    (scales.exp() * plain.losses()).sum().backward()
    torch.testing.assert_close(toy.heads.grad, plain.heads.grad)
    torch.testing.assert_close(weighting.log_scales.grad, scales.exp() * toy.losses().detach() - 1)
