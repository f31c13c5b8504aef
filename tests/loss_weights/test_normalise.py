"""loss_weights.normalise=true: every weighting at the size of the plain sum of the losses."""

from collections.abc import Sequence

import pytest
import torch
import yaml
from torch import Tensor, nn

from src.foundation.errors import UserError
from src.loss_weights.base import LOSS_WEIGHTS, LossWeighting, Parameters
from src.loss_weights.gradient_method import GradientMethod
from tests.loss_weights.test_loss_weights import FOLDER, NAMES, NOWHERE, Toy, missing, moved_toy

TASKS = ("a", "b")
AVAILABLE = [name for name in NAMES if not missing(name)]


def build(name: str, normalise: bool) -> LossWeighting:
    options = yaml.safe_load((FOLDER / f"{name}.yaml").read_text())
    if name == "fixed":
        options["weights"] = {"b": 2.0}
    weighting: LossWeighting = LOSS_WEIGHTS.build(options | {"normalise": normalise}, list(TASKS))
    return weighting


def step(weighting: LossWeighting, toy: Toy, scale: float = 1.0) -> Tensor:
    """Back-propagate a step and return the losses' slopes (T), by what reaches each task's own head."""
    toy.zero_grad()
    weighting.zero_grad()
    losses = scale * toy.losses(weighting.parts)
    weighting.combine(losses, toy.parameters_behind).backward()
    if weighting.needs_losses_after_step:
        weighting.after_step(losses.detach() * torch.tensor([0.9, 0.8]))
    return slopes(toy, scale)


def slopes(toy: Toy, scale: float = 1.0) -> Tensor:
    (plain,) = torch.autograd.grad(scale * toy.losses().sum(), toy.heads)
    assert toy.heads.grad is not None
    return toy.heads.grad / plain


def gradients(weighting: LossWeighting, toy: Toy) -> dict[str, Tensor | None]:
    own = {f"own {name.rpartition('.')[2]}": p.grad for name, p in weighting.named_parameters()}
    return {"shared": toy.shared.grad, "heads": toy.heads.grad, **own}


@pytest.mark.parametrize("scale", [1.0, 1e-3])
@pytest.mark.parametrize("name", AVAILABLE)
def test_the_size_is_the_plain_sums_and_the_direction_is_kept(name: str, scale: float) -> None:
    plainly, normalised = build(name, normalise=False), build(name, normalise=True)
    is_gradient_method = isinstance(plainly, GradientMethod)
    for number in range(3):
        toy, other = moved_toy(), moved_toy()
        torch.manual_seed(number)
        unscaled = step(plainly, other, scale)
        torch.manual_seed(number)
        scaled = step(normalised, toy, scale)
        seen, before = gradients(normalised, toy), gradients(plainly, other)
        cosine = nn.functional.cosine_similarity(seen["shared"], before["shared"], dim=0)
        assert cosine.item() == pytest.approx(1, abs=1e-4)
        weights, own = normalised.weights(), plainly.weights()
        if is_gradient_method:
            reference = moved_toy()
            (scale * reference.losses()).sum().backward()
            assert seen["shared"].norm().item() == pytest.approx(reference.shared.grad.norm().item(), rel=1e-3)
            torch.testing.assert_close(seen["heads"], before["heads"])
            factor = seen["shared"].norm() / before["shared"].norm()
            assert (weights is None) == (own is None)
            if weights is not None:
                torch.testing.assert_close(weights, factor * own, rtol=1e-3, atol=1e-6)
        else:
            assert scaled.sum().item() == pytest.approx(len(TASKS), rel=1e-4)
            torch.testing.assert_close(scaled / scaled.sum(), unscaled / unscaled.sum(), rtol=1e-4, atol=1e-7)
            torch.testing.assert_close(weights, scaled, rtol=1e-4, atol=1e-6)
        for key in seen.keys() - {"shared", "heads"}:
            torch.testing.assert_close(seen[key], before[key])
        for weighting in (plainly, normalised):
            weighting.end_epoch()


@pytest.mark.parametrize("name", AVAILABLE)
def test_a_batch_without_labels_of_a_task_keeps_the_others_size(name: str) -> None:
    """Its loss of zero counts in neither sum, so that one task's zero does not take the size of the others."""
    weighting, toy = build(name, normalise=True), moved_toy()
    losses = toy.losses(weighting.parts)
    weighting.combine(torch.stack((losses[0], losses[1] * 0)), toy.parameters_behind).backward()
    (plain,) = torch.autograd.grad(toy.losses()[0], toy.shared)
    assert toy.shared.grad is not None
    if name == "mgda":  # a gradient of zero is the hull's smallest point
        assert toy.shared.grad.norm() == 0
    else:
        torch.testing.assert_close(toy.shared.grad, plain, rtol=1e-3, atol=1e-4)


@LOSS_WEIGHTS.register("tests.halved")
class Halved(LossWeighting):
    """A weighting of somebody else's: half of the sum of losses, and a penalty of its own."""

    def __init__(self, tasks: Sequence[str]) -> None:
        super().__init__(tasks)
        self.penalty = nn.Parameter(torch.tensor(2.0))

    def combine(self, losses: Tensor, parameters: Parameters) -> Tensor:
        return losses.sum() / 2 + self.penalty.square()


@LOSS_WEIGHTS.register("tests.opposed")
class Opposed(Halved):
    """One whose weights sum to zero."""

    def combine(self, losses: Tensor, parameters: Parameters) -> Tensor:
        return losses[0] - losses[1]


@LOSS_WEIGHTS.register("tests.steepest")
class Steepest(LossWeighting):
    """A gradient method of somebody else's: a tenth of the steepest task's gradient, without any base class of ours."""

    autograd_passes = True

    def combine(self, losses: Tensor, parameters: Parameters) -> Tensor:
        rows = [torch.autograd.grad(loss, parameters.shared, retain_graph=True) for loss in losses]
        steepest = max(rows, key=lambda row: sum(g.square().sum() for g in row).item())
        return sum((0.1 * g * p).sum() for g, p in zip(steepest, parameters.shared, strict=True))  # type: ignore[return-value]


def registered(name: str) -> str:
    return f"{Halved.__module__}.{name}"


def test_a_weighting_of_somebody_elses_is_normalised_without_a_line_there() -> None:
    weighting = LOSS_WEIGHTS.build({"_target_": registered("tests.halved"), "normalise": True}, list(TASKS))
    losses = torch.tensor([1.0, 2.0], requires_grad=True)
    weighting.combine(losses, NOWHERE).backward()
    assert losses.grad.tolist() == [1, 1]
    assert next(weighting.parameters()).grad.item() == 4  # its own parameter follows its own penalty
    method = LOSS_WEIGHTS.build({"_target_": registered("tests.steepest"), "normalise": True}, list(TASKS))
    toy, plain = moved_toy(), moved_toy()
    method.combine(toy.losses(), toy.parameters_behind).backward()
    plain.losses().sum().backward()
    assert toy.shared.grad.norm().item() == pytest.approx(plain.shared.grad.norm().item(), rel=1e-5)


def test_weights_that_sum_to_nothing_are_refused() -> None:
    weighting = LOSS_WEIGHTS.build({"_target_": registered("tests.opposed"), "normalise": True}, list(TASKS))
    with pytest.raises(UserError, match="they sum to 0"):
        weighting.combine(torch.tensor([1.0, 2.0], requires_grad=True), NOWHERE)
    zeros = {"_target_": "fixed", "weights": {"a": 0.0, "b": 0.0}, "normalise": True}
    with pytest.raises(UserError, match=r"loss_weights\.normalise=false"):
        LOSS_WEIGHTS.build(zeros, list(TASKS)).combine(torch.tensor([1.0, 2.0], requires_grad=True), NOWHERE)


def test_a_direction_of_zero_stays_zero() -> None:
    weighting = LOSS_WEIGHTS.build({"_target_": registered("tests.steepest"), "normalise": True}, list(TASKS))
    toy = Toy()
    weighting.combine(toy.losses() * 0, toy.parameters_behind).backward()
    assert toy.shared.grad.abs().max() == 0


@pytest.mark.parametrize(("value", "message"), [("yes", "is not true or false"), (2, "is not true or false")])
def test_what_is_no_switch_is_refused_with_its_place(value: object, message: str) -> None:
    with pytest.raises(UserError, match=f"loss_weights.normalise={value} {message}"):
        LOSS_WEIGHTS.build({"_target_": "fixed", "normalise": value}, list(TASKS))


@pytest.mark.parametrize("name", ["mgda", "imtl_l", "famo", "sdmgrad"])
def test_a_normalised_weighting_goes_on_identically_from_its_state(name: str) -> None:
    weighting, toy = build(name, normalise=True), moved_toy()
    for _ in range(3):
        step(weighting, toy)
    again = build(name, normalise=True)
    again.load_state_dict(weighting.state_dict())
    torch.testing.assert_close(step(again, toy), step(weighting, toy))
