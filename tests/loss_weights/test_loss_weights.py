"""Loss weightings: the properties that their papers state."""

import importlib.util
import io
import itertools
from typing import Any

import pytest
import torch
import yaml
from torch import Tensor, nn
from torchjd import aggregation

from src.foundation.errors import UserError
from src.loss_weights.aggregated import Aggregated
from src.loss_weights.base import LOSS_WEIGHTS, LossWeighting, Parameters
from src.loss_weights.db_mtl import DualBalancing
from src.loss_weights.dual_cone import NonNegativeLeastSquares
from src.loss_weights.dwa import DynamicWeightAverage
from src.loss_weights.famo import Famo
from src.loss_weights.fixed import Fixed
from src.loss_weights.gradient_method import GradientMethod
from src.loss_weights.gradnorm import GradNorm
from src.loss_weights.uncertainty import Uncertainty
from tests.conftest import REPOSITORY

TASKS = ("a", "b")
FOLDER = REPOSITORY / "conf" / "loss_weights"
SOLVERS = {"cagrad": ("cvxpy", "clarabel")}
ANY = nn.Parameter(torch.zeros(1))
NOWHERE = Parameters([], [], ANY)


def missing(name: str) -> bool:
    return any(importlib.util.find_spec(package) is None for package in SOLVERS.get(name, ()))


def skip_without_solver(name: str):
    return pytest.param(name, marks=pytest.mark.skipif(missing(name), reason="needs the extra `balancing`"))


NAMES = sorted(file.stem for file in FOLDER.glob("*.yaml"))
EVERY = [skip_without_solver(name) for name in NAMES]


def build(name: str, tasks: tuple[str, ...] = TASKS) -> LossWeighting:
    options = yaml.safe_load((FOLDER / f"{name}.yaml").read_text())
    if name == "fixed":
        options["weights"] = {"b": 2.0}
    weighting: LossWeighting = LOSS_WEIGHTS.build(options, list(tasks))
    return weighting


class Toy(nn.Module):
    """Two convex tasks that pull a shared vector to two places; the second loss is 50 times as steep.

    The losses are given per part of the batch where a weighting asks for it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.shared = nn.Parameter(torch.zeros(2))
        self.heads = nn.Parameter(torch.zeros(2))
        self.goals = torch.tensor([[1.0, 0.0], [0.0, 1.0]])

    def losses(self, parts: int = 1) -> Tensor:
        scale = torch.tensor([1.0, 50.0])
        losses = scale * ((self.shared - self.goals).square().sum(dim=1) + (self.heads - 1).square()) + 0.1
        return losses if parts == 1 else losses[:, None] * torch.linspace(0.9, 1.1, parts)

    @property
    def parameters_behind(self) -> Parameters:
        return Parameters([self.shared], [self.heads], self.shared)

    def jacobian(self) -> Tensor:
        return torch.stack([torch.autograd.grad(loss, self.shared, retain_graph=True)[0] for loss in self.losses()])


def combine(weighting: LossWeighting, toy: Toy) -> Tensor:
    return weighting.combine(toy.losses(weighting.parts), toy.parameters_behind)


def moved_toy() -> Toy:
    """Where the two tasks conflict and neither gradient is special."""
    toy = Toy()
    with torch.no_grad():
        toy.shared.copy_(torch.tensor([0.3, 0.2]))
    return toy


def train(weighting: LossWeighting, toy: Toy, optimiser: torch.optim.Optimizer, steps: int) -> None:
    for step in range(steps):
        optimiser.zero_grad()
        combine(weighting, toy).backward()
        optimiser.step()
        if weighting.needs_losses_after_step:
            weighting.after_step(toy.losses().detach())
        if step % 10 == 9:
            weighting.end_epoch()


def optimiser_of(weighting: LossWeighting, toy: Toy) -> torch.optim.Optimizer:
    return torch.optim.Adam([*toy.parameters(), *weighting.parameters()], lr=0.02)


def aggregated(name: str, **options: Any) -> Aggregated:
    return Aggregated(TASKS, {"_target_": name, **options})


def direction_of(weighting: Aggregated, toy: Toy) -> Tensor:
    combine(weighting, toy).backward()
    assert toy.shared.grad is not None
    return toy.shared.grad


@pytest.mark.parametrize("name", EVERY)
def test_every_weighting_lowers_a_convex_toy(name: str) -> None:
    torch.manual_seed(0)
    toy, weighting = Toy(), build(name)
    start = toy.losses().detach()
    steps = 20 if name == "imtl_g" else 200  # where gradients are opposite no direction projects equally on both
    train(weighting, toy, optimiser_of(weighting, toy), steps)
    assert (toy.losses() < start).all()
    assert (toy.heads > 0.2).all()


@pytest.mark.parametrize("name", EVERY)
def test_training_goes_on_identically_from_a_checkpoint(name: str) -> None:
    torch.manual_seed(0)
    toy, weighting = Toy(), build(name)
    optimiser = optimiser_of(weighting, toy)
    train(weighting, toy, optimiser, 23)
    file = io.BytesIO()
    parts = {"toy": toy, "weighting": weighting, "optimiser": optimiser}
    torch.save({key: part.state_dict() for key, part in parts.items()}, file)
    torch.manual_seed(1)
    train(weighting, toy, optimiser, 21)
    file.seek(0)
    saved = torch.load(file, weights_only=True)
    toy_again, weighting_again = Toy(), build(name)
    optimiser_again = optimiser_of(weighting_again, toy_again)
    for key, part in {"toy": toy_again, "weighting": weighting_again, "optimiser": optimiser_again}.items():
        part.load_state_dict(saved[key])
    torch.manual_seed(1)
    for step in range(21):  # epochs end where they did
        train(weighting_again, toy_again, optimiser_again, 1)
        if step % 10 == 9:
            weighting_again.end_epoch()
    assert torch.equal(toy_again.shared, toy.shared)
    assert torch.equal(toy_again.heads, toy.heads)


@pytest.mark.parametrize("name", [name for name in NAMES if not missing(name)])
def test_a_task_without_valid_pixels_breaks_nothing(name: str) -> None:
    """Its loss is a zero without, or with a zero, gradient."""
    for constant in (True, False):
        toy, weighting = Toy(), build(name)
        losses = toy.losses(weighting.parts)
        nothing = torch.zeros_like(losses[1]) if constant else losses[1] * 0
        weighting.combine(torch.stack([losses[0], nothing]), toy.parameters_behind).backward()
        assert toy.shared.grad is not None
        assert toy.shared.grad.isfinite().all()


@pytest.mark.parametrize("name", ["geometric", "imtl_l", "imtl_h", "stch", "famo", "db_mtl"])
def test_a_negative_loss_is_refused_by_logarithms(name: str) -> None:
    toy = Toy()
    with pytest.raises(UserError, match="loss of b is negative"):
        build(name).combine(toy.losses() * torch.tensor([1.0, -1.0]), toy.parameters_behind)


@pytest.mark.parametrize("name", [name for name in SOLVERS if missing(name)])
def test_a_missing_solver_is_named_with_its_extra(name: str) -> None:
    with pytest.raises(UserError, match="balancing") as caught:
        build(name)
    assert SOLVERS[name][0] in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "method"),
    [("aggregator", "PCD"), ("aggregator", "ExcessMTL"), ("scalarizer", "DWA")],
)
def test_a_method_whose_memory_could_not_be_saved_is_refused_before_it_is_used(kind: str, method: str) -> None:
    options = {"_target_": "aggregated" if kind == "aggregator" else "scalarized", kind: {"_target_": method}}
    with pytest.raises(UserError, match=f"{method} remembers something between steps that could not be saved"):
        LOSS_WEIGHTS.build(options, list(TASKS))


def test_every_mistake_in_a_method_is_told_with_its_place() -> None:
    options = {"_target_": "aggregated", "aggregator": {"_target_": "CAGrad", "c": "wide", "d": 1}}
    with pytest.raises(UserError, match=r"2 mistakes") as refusal:
        LOSS_WEIGHTS.build(options, list(TASKS))
    assert "loss_weights.aggregator.c=wide is not a number" in str(refusal.value)
    assert "there is no key loss_weights.aggregator.d" in str(refusal.value)
    with pytest.raises(UserError, match=r"loss_weights\.aggregator\._target_=CAGard is unknown(?s:.*)=CAGrad$"):
        LOSS_WEIGHTS.build({"_target_": "aggregated", "aggregator": {"_target_": "CAGard"}}, list(TASKS))


def test_uniform_is_the_plain_sum_and_fixed_the_weighted_one() -> None:
    losses = torch.tensor([2.0, 3.0])
    assert Fixed(TASKS).combine(losses, NOWHERE).item() == 5
    assert Fixed(TASKS, {"b": 10}).combine(losses, NOWHERE).item() == 32
    with pytest.raises(UserError, match="unknown tasks: c"):
        Fixed(TASKS, {"c": 3})


def test_dwa_weights_sum_to_the_number_of_tasks_and_follow_the_formula() -> None:
    weighting = DynamicWeightAverage(TASKS, temperature=2.0)
    for epoch in ([1.0, 4.0], [0.5, 4.0]):
        assert weighting.weights().tolist() == [1.0, 1.0]
        for _ in range(3):
            weighting.combine(torch.tensor(epoch), NOWHERE)
        weighting.end_epoch()
    rates = torch.tensor([0.5, 1.0])
    torch.testing.assert_close(weighting.weights(), 2 * torch.softmax(rates / 2, dim=0))
    assert weighting.weights().sum().item() == pytest.approx(2)
    assert weighting.weights()[1] > weighting.weights()[0]  # the task that learns more slowly


def settle(weighting: LossWeighting, losses: Tensor) -> Tensor:
    """Train the weighting's own parameters on constant losses."""
    optimiser = torch.optim.Adam(weighting.parameters(), lr=0.05)
    for _ in range(600):
        optimiser.zero_grad()
        weighting.combine(losses, NOWHERE).backward()
        optimiser.step()
    weights = weighting.weights()
    assert weights is not None
    return weights


def test_uncertainty_settles_where_weight_is_half_the_inverse_loss() -> None:
    """min_s exp(-s) L / 2 + s / 2 is at exp(s) = L, so the weight is 1 / (2 L)."""
    losses = torch.tensor([0.25, 4.0])
    torch.testing.assert_close(settle(Uncertainty(TASKS), losses), 1 / (2 * losses), rtol=1e-2, atol=1e-3)


def test_imtl_l_settles_where_weighted_losses_are_one() -> None:
    losses = torch.tensor([0.25, 4.0])
    torch.testing.assert_close(settle(build("imtl_l"), losses), 1 / losses, rtol=1e-2, atol=1e-3)


def gradient(name: str, losses: Tensor) -> tuple[float, Tensor]:
    leaf = losses.clone().requires_grad_()
    weighting = build(name, tuple("abcd"[: len(losses)]))
    value = weighting.combine(leaf, NOWHERE)
    value.backward()
    assert leaf.grad is not None
    weights = weighting.weights()
    assert weights is not None
    torch.testing.assert_close(weights, leaf.grad)
    return value.item(), leaf.grad


def test_geometric_is_the_geometric_mean() -> None:
    losses = torch.tensor([1.0, 2.0, 4.0])
    value, slopes = gradient("geometric", losses)
    assert value == pytest.approx(2)
    torch.testing.assert_close(slopes, 2 / (3 * losses))


def test_random_weights_are_on_the_simplex_new_each_step_and_drawn_from_the_global_generator() -> None:
    torch.manual_seed(5)
    draws = [gradient("random", torch.ones(3))[1] for _ in range(4)]
    for weights in draws:
        assert weights.sum().item() == pytest.approx(1)
        assert (weights > 0).all()
    assert not any(torch.equal(a, b) for a, b in itertools.pairwise(draws))
    torch.manual_seed(5)
    assert torch.equal(gradient("random", torch.ones(3))[1], draws[0])


def test_famo_weights_are_on_the_simplex_and_move_to_the_task_that_fell_less() -> None:
    weighting = Famo(TASKS)
    for _ in range(20):
        weighting.combine(torch.tensor([1.0, 1.0]), NOWHERE)
        weighting.after_step(torch.tensor([0.5, 0.9]))
    weighting.combine(torch.tensor([1.0, 1.0]), NOWHERE)
    weights = weighting.weights().clone()
    assert weights.sum().item() == pytest.approx(1)
    assert weights[1] > 0.6
    weighting.combine(torch.tensor([1.0, 10.0]), NOWHERE)  # z / L, normalised
    expected = weights / torch.tensor([1.0, 10.0])
    torch.testing.assert_close(weighting.weights(), expected / expected.sum())


def test_gradnorm_equalises_gradient_norms() -> None:
    """With alpha = 0 the targets are equal: on losses of gradient 1 and 3 the weights must be 1.5 and 0.5."""
    weighting = GradNorm(TASKS, alpha=0.0, learning_rate=0.005)
    layer = nn.Parameter(torch.zeros(2))
    for _ in range(2000):
        losses = torch.stack([layer[0] + 1, 3 * layer[1] + 1])
        weighting.combine(losses, Parameters([layer], [], layer))
    torch.testing.assert_close(weighting.weights(), torch.tensor([1.5, 0.5]), rtol=2e-2, atol=0)
    assert weighting.weights().sum().item() == pytest.approx(2)


def test_gradnorm_steps_along_its_papers_objective() -> None:
    """One step against autograd on sum_t |w_t n_t - target_t|, the target a constant, then renormalised."""
    weighting = GradNorm(TASKS, alpha=1.5, learning_rate=0.01)
    layer = nn.Parameter(torch.zeros(2))
    parameters = Parameters([layer], [], layer)
    weighting.combine(torch.stack([layer[0] + 1, 3 * layer[1] + 1]), parameters)
    before = weighting.weights().clone().requires_grad_()
    weighting.combine(torch.stack([2 * layer[0] + 0.5, 3 * layer[1] + 0.8]), parameters)
    norms, rates = torch.tensor([2.0, 3.0]), torch.tensor([0.5, 0.8]) / 0.65
    target = ((before * norms).mean() * rates**1.5).detach()
    (before * norms - target).abs().sum().backward()
    moved = before.detach() - 0.01 * before.grad
    torch.testing.assert_close(weighting.weights(), 2 * moved / moved.sum())


def test_gradnorm_favours_the_task_that_learns_more_slowly() -> None:
    weighting = GradNorm(TASKS, alpha=1.5, learning_rate=0.005)
    layer = nn.Parameter(torch.zeros(2))
    for step in range(500):
        losses = torch.stack([layer[0] + 1.0, layer[1] + (1.0 if step == 0 else 0.3)])
        weighting.combine(losses, Parameters([layer], [], layer))
    assert weighting.weights()[0] > 1.2 > 0.8 > weighting.weights()[1]


def test_gradnorm_does_not_let_its_weights_reach_the_network() -> None:
    toy, weighting = Toy(), GradNorm(TASKS)
    combine(weighting, toy).backward()
    plain = Toy()
    plain.losses().sum().backward()  # the first step has weights 1
    torch.testing.assert_close(toy.shared.grad, plain.shared.grad)


def test_mgda_direction_is_in_the_convex_hull_and_conflicts_with_no_task() -> None:
    toy = moved_toy()
    jacobian = toy.jacobian()
    direction = direction_of(aggregated("MGDA"), toy)
    assert (jacobian @ direction >= -1e-4).all()
    share = torch.linalg.lstsq((jacobian[0] - jacobian[1])[:, None], (direction - jacobian[1])[:, None]).solution.item()
    torch.testing.assert_close(direction, share * jacobian[0] + (1 - share) * jacobian[1], rtol=1e-3, atol=1e-3)
    assert -1e-3 <= share <= 1 + 1e-3


@pytest.mark.parametrize("name", ["upgrad", "dualproj", "pcgrad", "config"])
def test_no_task_is_worked_against(name: str) -> None:
    toy = moved_toy()
    jacobian = toy.jacobian()
    assert jacobian[0] @ jacobian[1] < 0
    combine(build(name), toy).backward()
    assert (jacobian @ toy.shared.grad >= -1e-3).all()
    assert not (jacobian @ jacobian.sum(dim=0) >= 0).all()  # the plain sum does work against one


@pytest.mark.parametrize(("name", "scale"), [("pcgrad", 1.0), ("upgrad", 0.5), ("dualproj", 0.5), ("gradvac", 1.0)])
def test_without_conflict_the_direction_is_the_sum_or_the_mean(name: str, scale: float) -> None:
    jacobian = torch.tensor([[1.0, 0.0, 0.5], [0.0, 2.0, 0.5]])
    method = build(name)
    assert isinstance(method, GradientMethod)
    torch.testing.assert_close(method.direction(jacobian), scale * jacobian.sum(dim=0))


@pytest.mark.parametrize("name", ["imtl_g", "config"])
def test_projections_on_all_task_gradients_are_equal(name: str) -> None:
    toy = moved_toy()
    units = nn.functional.normalize(toy.jacobian(), dim=1)
    combine(build(name), toy).backward()
    projections = units @ toy.shared.grad
    assert projections[0].item() == pytest.approx(projections[1].item(), rel=1e-3)
    assert projections.abs().max() > 1e-2


def test_fairgrad_solves_its_equation() -> None:
    method = build("fairgrad")
    assert isinstance(method, Aggregated)
    jacobian = torch.tensor([[1.0, 0.2, 0.0], [-0.3, 2.0, 0.4]])
    method.direction(jacobian)
    weights = method.weights()
    assert weights is not None
    torch.testing.assert_close(jacobian @ jacobian.T @ weights, weights ** (-1 / 2), rtol=1e-3, atol=1e-3)


def test_graddrop_keeps_one_sign_per_parameter() -> None:
    method = aggregated("GradDrop")
    jacobian = torch.tensor([[1.0, 2.0, -3.0, 1.0], [-4.0, 5.0, -1.0, -2.0]])
    directions = torch.stack([method.direction(jacobian) for _ in range(200)])
    assert set(directions[:, 0].tolist()) == {1.0, -4.0}
    assert set(directions[:, 1].tolist()) == {7.0}
    assert set(directions[:, 2].tolist()) == {-4.0}
    assert (directions[:, 0] == 1).float().mean().item() == pytest.approx(0.2, abs=0.1)


def test_gradvac_learns_the_usual_cosine_and_restores_it() -> None:
    """After tasks that agree, orthogonal gradients are turned towards each other; with no memory they are not."""
    vaccinated, fresh = (aggregated("GradVac", beta=0.5) for _ in range(2))
    agreeing, orthogonal = torch.tensor([[1.0, 0.1], [1.0, -0.1]]), torch.eye(2)
    for _ in range(10):
        vaccinated.direction(agreeing)
    torch.testing.assert_close(fresh.direction(orthogonal), torch.ones(2))
    assert (vaccinated.direction(orthogonal) > 1.5).all()


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("MGDA", {}),
        ("PCGrad", {}),
        ("GradDrop", {}),
        ("GradVac", {}),
        ("IMTLG", {}),
        ("ConFIG", {}),
        ("FairGrad", {"alpha": 2.0}),
    ],
)
def test_a_direction_agrees_with_torchjd_on_the_same_jacobian(name: str, options: dict[str, Any]) -> None:
    toy = moved_toy()
    jacobian = toy.jacobian()
    torch.manual_seed(3)
    expected = getattr(aggregation, name)(**options)(jacobian)
    torch.manual_seed(3)
    torch.testing.assert_close(direction_of(aggregated(name, **options), toy), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("size", [2, 3, 5])
@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e5])
def test_the_dual_cone_projection_is_the_constrained_minimum(size: int, scale: float) -> None:
    """Against all active sets: v is u where the constraint holds with equality, and solves G v = 0 elsewhere."""
    torch.manual_seed(size)
    jacobian = scale * torch.randn(size, size + 1, dtype=torch.double)
    gramian = jacobian @ jacobian.T
    weights = torch.rand(size, dtype=torch.double)

    def solution(free: tuple[int, ...]) -> Tensor:
        v, fixed = weights.clone(), [i for i in range(size) if i not in free]
        index = list(free)
        if index:
            v[index] = torch.linalg.solve(gramian[index][:, index], -gramian[index][:, fixed] @ weights[fixed])
        return v

    subsets = itertools.chain.from_iterable(itertools.combinations(range(size), k) for k in range(size + 1))
    candidates = [v for v in map(solution, subsets) if (v >= weights - 1e-12).all()]
    best = min(candidates, key=lambda v: (v @ gramian @ v).item())
    projected = NonNegativeLeastSquares()(weights, gramian)
    torch.testing.assert_close(projected, best, rtol=1e-6, atol=1e-8)
    together = NonNegativeLeastSquares()(torch.stack([weights, weights]), gramian)
    torch.testing.assert_close(together, torch.stack([projected, projected]))


def test_the_dual_cone_projection_takes_a_singular_gramian() -> None:
    weights = torch.tensor([0.5, 0.5])
    torch.testing.assert_close(NonNegativeLeastSquares()(weights, torch.zeros(2, 2)), weights)
    opposite = torch.tensor([[1.0, -1.0], [-1.0, 1.0]])
    assert NonNegativeLeastSquares()(weights, opposite) @ opposite @ weights == pytest.approx(0, abs=1e-6)


def test_db_mtl_sums_gradients_of_log_losses_at_the_largest_norm() -> None:
    toy, weighting = moved_toy(), DualBalancing(TASKS, beta=0.0)
    rows = toy.jacobian() / toy.losses().detach()[:, None]
    combine(weighting, toy).backward()
    largest = rows.norm(dim=1).max()
    torch.testing.assert_close(toy.shared.grad, (largest * nn.functional.normalize(rows, dim=1)).sum(dim=0))
    plain = moved_toy()
    plain.losses().log().sum().backward()
    torch.testing.assert_close(toy.heads.grad, plain.heads.grad)


def test_db_mtl_averages_gradients_over_steps() -> None:
    weighting = DualBalancing(TASKS, beta=0.8, decay=0.5)
    average = torch.zeros(2, 3)
    for step in range(1, 5):
        jacobian = torch.randn(2, 3)
        average = (1 - 0.8 / step**0.5) * jacobian + 0.8 / step**0.5 * average
        norms = average.norm(dim=1)
        torch.testing.assert_close(weighting.direction(jacobian), (norms.max() / norms) @ average)


@pytest.mark.parametrize("name", ["mgda", "sdmgrad"])
def test_gradient_methods_leave_heads_to_their_own_losses(name: str) -> None:
    toy, plain = Toy(), Toy()
    value = combine(build(name), toy)
    value.backward()
    total = plain.losses().sum()
    total.backward()
    torch.testing.assert_close(value, total.detach())
    torch.testing.assert_close(toy.heads.grad, plain.heads.grad)
    assert not torch.allclose(toy.shared.grad, plain.shared.grad)


def test_a_gradient_method_passes_the_trunk_once_per_task() -> None:
    """The pass proper, after ``combine``, does not go back through the losses."""
    toy, passes = Toy(), []
    shared = toy.shared * 1.0
    shared.register_hook(lambda gradient: passes.append(1))
    losses = (shared - toy.goals).square().sum(dim=1)
    value = build("mgda").combine(losses, toy.parameters_behind)
    (3 * value).backward()
    assert len(passes) == len(TASKS)
    assert toy.shared.grad is not None


def test_accumulation_scales_a_direction_as_any_gradient() -> None:
    whole, parts = moved_toy(), moved_toy()
    combine(build("mgda"), whole).backward()
    for _ in range(2):
        (combine(build("mgda"), parts) / 2).backward()
    torch.testing.assert_close(parts.shared.grad, whole.shared.grad)
    torch.testing.assert_close(parts.heads.grad, whole.heads.grad)
