"""Loss weightings: the properties that their papers state."""

import pytest
import torch
from torch import Tensor, nn
from torchjd.aggregation import MGDA

from src.balancing.aggregated import Aggregated
from src.balancing.base import LossWeighting
from src.balancing.dwa import DynamicWeightAverage
from src.balancing.fixed import Fixed
from src.balancing.gradnorm import GradNorm
from src.balancing.uncertainty import Uncertainty
from src.errors import UserError

TASKS = ("a", "b")
BUILD = {
    "uniform": lambda: Fixed(TASKS),
    "uncertainty": lambda: Uncertainty(TASKS),
    "dwa": lambda: DynamicWeightAverage(TASKS),
    "gradnorm": lambda: GradNorm(TASKS),
    "mgda": lambda: Aggregated(TASKS, MGDA),
}


class Toy(nn.Module):
    """Two convex tasks that pull a shared vector to two places; the second loss is 50 times as steep."""

    def __init__(self) -> None:
        super().__init__()
        self.shared = nn.Parameter(torch.zeros(2))
        self.heads = nn.Parameter(torch.zeros(2))
        self.goals = torch.tensor([[1.0, 0.0], [0.0, 1.0]])

    def losses(self) -> Tensor:
        scale = torch.tensor([1.0, 50.0])
        return scale * ((self.shared - self.goals).square().sum(dim=1) + (self.heads - 1).square())


def combine(weighting: LossWeighting, toy: Toy) -> Tensor:
    return weighting.combine(toy.losses(), [toy.shared], toy.shared)


@pytest.mark.parametrize("name", BUILD)
def test_every_weighting_lowers_a_convex_toy(name: str) -> None:
    toy, weighting = Toy(), BUILD[name]()
    start = toy.losses().detach()
    optimiser = torch.optim.Adam([*toy.parameters(), *weighting.parameters()], lr=0.02)
    for step in range(200):
        optimiser.zero_grad()
        combine(weighting, toy).backward()
        optimiser.step()
        if step % 20 == 19:
            weighting.end_epoch()
    assert (toy.losses() < start).all()


@pytest.mark.parametrize("name", BUILD)
def test_state_survives_a_checkpoint(name: str) -> None:
    toy, weighting, twin = Toy(), BUILD[name](), BUILD[name]()
    for _ in range(3):
        combine(weighting, toy)
        weighting.end_epoch()
    twin.load_state_dict(weighting.state_dict())
    assert combine(twin, toy).item() == pytest.approx(combine(weighting, toy).item())


def test_uniform_is_the_plain_sum_and_fixed_the_weighted_one() -> None:
    losses = torch.tensor([2.0, 3.0])
    assert Fixed(TASKS).combine(losses, [], nn.Parameter(losses)).item() == 5
    assert Fixed(TASKS, {"b": 10}).combine(losses, [], nn.Parameter(losses)).item() == 32
    with pytest.raises(UserError, match="unknown tasks: c"):
        Fixed(TASKS, {"c": 1})


def test_dwa_weights_sum_to_the_number_of_tasks_and_follow_the_formula() -> None:
    weighting = DynamicWeightAverage(TASKS, temperature=2.0)
    anything = nn.Parameter(torch.zeros(1))
    for epoch in ([1.0, 4.0], [0.5, 4.0]):
        assert weighting.weights().tolist() == [1.0, 1.0]
        for _ in range(3):
            weighting.combine(torch.tensor(epoch), [], anything)
        weighting.end_epoch()
    rates = torch.tensor([0.5, 1.0])
    torch.testing.assert_close(weighting.weights(), 2 * torch.softmax(rates / 2, dim=0))
    assert weighting.weights().sum().item() == pytest.approx(2)
    assert weighting.weights()[1] > weighting.weights()[0]  # the task that learns more slowly


def test_uncertainty_settles_where_weight_is_half_the_inverse_loss() -> None:
    """min_s exp(-s) L / 2 + s / 2 is at exp(s) = L, so the weight is 1 / (2 L)."""
    weighting = Uncertainty(TASKS)
    losses = torch.tensor([0.25, 4.0])
    optimiser = torch.optim.Adam(weighting.parameters(), lr=0.05)
    for _ in range(600):
        optimiser.zero_grad()
        weighting.combine(losses, [], nn.Parameter(losses)).backward()
        optimiser.step()
    torch.testing.assert_close(weighting.weights(), 1 / (2 * losses), rtol=1e-2, atol=1e-3)


def test_gradnorm_equalises_gradient_norms() -> None:
    """With alpha = 0 the targets are equal: on losses of gradient 1 and 3 the weights must be 1.5 and 0.5."""
    weighting = GradNorm(TASKS, alpha=0.0, learning_rate=0.005)
    layer = nn.Parameter(torch.zeros(2))
    for _ in range(2000):
        losses = torch.stack([layer[0] + 1, 3 * layer[1] + 1])
        weighting.combine(losses, [layer], layer)
    torch.testing.assert_close(weighting.weights(), torch.tensor([1.5, 0.5]), rtol=2e-2, atol=0)
    assert weighting.weights().sum().item() == pytest.approx(2)


def test_gradnorm_favours_the_task_that_learns_more_slowly() -> None:
    weighting = GradNorm(TASKS, alpha=1.5, learning_rate=0.005)
    layer = nn.Parameter(torch.zeros(2))
    for step in range(500):
        losses = torch.stack([layer[0] + 1.0, layer[1] + (1.0 if step == 0 else 0.3)])
        weighting.combine(losses, [layer], layer)
    assert weighting.weights()[0] > 1.2 > 0.8 > weighting.weights()[1]


def test_gradnorm_does_not_let_its_weights_reach_the_network() -> None:
    toy, weighting = Toy(), GradNorm(TASKS)
    combine(weighting, toy).backward()
    plain = Toy()
    plain.losses().sum().backward()  # the first step has weights 1
    torch.testing.assert_close(toy.shared.grad, plain.shared.grad)


def test_mgda_direction_is_in_the_convex_hull_and_conflicts_with_no_task() -> None:
    toy = Toy()
    with torch.no_grad():
        toy.shared.copy_(torch.tensor([0.3, 0.2]))
    jacobian = torch.stack([torch.autograd.grad(loss, toy.shared, retain_graph=True)[0] for loss in toy.losses()])
    combine(Aggregated(TASKS, MGDA), toy).backward()
    direction = toy.shared.grad
    assert (jacobian @ direction >= -1e-4).all()
    share = torch.linalg.lstsq((jacobian[0] - jacobian[1])[:, None], (direction - jacobian[1])[:, None]).solution.item()
    torch.testing.assert_close(direction, share * jacobian[0] + (1 - share) * jacobian[1], rtol=1e-3, atol=1e-3)
    assert -1e-3 <= share <= 1 + 1e-3


def test_aggregation_leaves_heads_to_their_own_losses() -> None:
    toy, plain = Toy(), Toy()
    combine(Aggregated(TASKS, MGDA), toy).backward()
    plain.losses().sum().backward()
    torch.testing.assert_close(toy.heads.grad, plain.heads.grad)
    assert not torch.allclose(toy.shared.grad, plain.shared.grad)
