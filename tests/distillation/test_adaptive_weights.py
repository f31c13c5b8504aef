"""Which teachers pull in a step, and how much: dropping, and weights that follow the student."""

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, distributed, multiprocessing, nn

from src.distillation.adaptive_weights import AdaptiveTeacherWeights
from src.distillation.standardise import PerChannel
from src.distillation.teacher_dropout import drop_teachers
from src.foundation.errors import UserError

TEACHERS = ("semantic", "depth", "normal")
LOSSES = torch.tensor([0.2, 1.5, 0.7, 0.1])
MOST_BEHIND = 1


def masks(probability: float, count: int = 2000) -> Tensor:
    torch.manual_seed(0)
    return torch.stack([drop_teachers(LOSSES, probability) for _ in range(count)])


@pytest.mark.parametrize("probability", [0.2, 0.5, 0.9])
def test_the_most_behind_is_kept_and_each_other_dropped_with_the_probability(probability: float) -> None:
    drawn = masks(probability)
    assert set(drawn.unique().tolist()) == {0.0, 1.0}
    assert drawn[:, MOST_BEHIND].all()
    kept = drawn.mean(0)[torch.arange(4) != MOST_BEHIND]
    bound = 4 * np.sqrt(probability * (1 - probability) / len(drawn))
    np.testing.assert_allclose(kept, 1 - probability, atol=bound)


def test_teachers_are_dropped_independently() -> None:
    drawn = masks(0.5)
    assert abs(np.corrcoef(drawn[:, 0], drawn[:, 2])[0, 1]) < 0.1


def test_probability_zero_keeps_all_and_one_keeps_one() -> None:
    assert masks(0.0, 50).all()
    assert masks(1.0, 50).sum(1).tolist() == [1.0] * 50


def test_dropping_repeats_with_the_generator_and_passes_no_gradient() -> None:
    losses = LOSSES.clone().requires_grad_()
    torch.manual_seed(3)
    one = [drop_teachers(losses, 0.5) for _ in range(20)]
    torch.manual_seed(3)
    assert all(torch.equal(a, drop_teachers(losses, 0.5)) for a in one)
    own = [drop_teachers(losses, 0.5, torch.Generator().manual_seed(seed)) for seed in (1, 1)]
    assert torch.equal(*own)
    assert not one[0].requires_grad


@pytest.mark.parametrize("probability", [-0.1, 1.1, float("nan")])
def test_what_is_no_probability_is_refused(probability: float) -> None:
    with pytest.raises(UserError, match="between 0 and 1"):
        drop_teachers(LOSSES, probability)


def weights(feedback: AdaptiveTeacherWeights) -> np.ndarray:
    return np.array([float(feedback.of(name)) for name in TEACHERS])


def epochs(seed: int = 0) -> np.ndarray:
    """Losses (epochs, batches, student or teacher, T)."""
    return np.random.default_rng(seed).uniform(0.05, 2, size=(4, 5, 2, 3)).astype(np.float32)


def run_epoch(feedback: AdaptiveTeacherWeights, epoch: np.ndarray) -> None:
    for student, teacher in torch.from_numpy(epoch):
        feedback.observe(student, teacher)
    feedback.end_epoch()


@pytest.mark.parametrize(("rate", "power"), [(0.5, 1.0), (0.2, 2.0), (1.0, 0.5)])
def test_feedback_equals_a_plain_computation(rate: float, power: float) -> None:
    feedback = AdaptiveTeacherWeights(TEACHERS, rate, power)
    expected = np.ones(3)
    for epoch in epochs():
        run_epoch(feedback, epoch)
        goal = (epoch[:, 0].mean(0) / epoch[:, 1].mean(0)) ** power
        expected = (1 - rate) * expected + rate * goal / goal.mean()
        expected /= expected.mean()
        np.testing.assert_allclose(weights(feedback), expected, rtol=1e-4)


def test_equal_ratios_leave_ones() -> None:
    feedback = AdaptiveTeacherWeights(TEACHERS)
    teacher = torch.tensor([0.1, 1.0, 7.0])
    feedback.observe(3 * teacher, teacher)
    feedback.end_epoch()
    np.testing.assert_allclose(weights(feedback), 1, rtol=1e-5)


def test_the_teacher_further_ahead_of_the_student_gets_more() -> None:
    feedback = AdaptiveTeacherWeights(TEACHERS)
    feedback.observe(torch.tensor([1.0, 2.0, 4.0]), torch.tensor([1.0, 1.0, 8.0]))
    feedback.end_epoch()
    semantic, depth, normal = weights(feedback)
    assert depth > semantic > normal


@pytest.mark.parametrize("rate", [0.0, 0.5, 1.0])
def test_weights_are_positive_and_sum_to_their_number(rate: float) -> None:
    feedback = AdaptiveTeacherWeights(TEACHERS, rate)
    for student, teacher in [([0.0, 1.0, 9.0], [1.0, 0.0, 3.0]), ([5.0, 0.0, 1.0], [0.0, 0.0, 0.0])]:
        feedback.observe(torch.tensor(student), torch.tensor(teacher))
        feedback.end_epoch()
        assert (weights(feedback) > 0).all()
        np.testing.assert_allclose(weights(feedback).sum(), 3, rtol=1e-5)


def test_an_epoch_without_observations_changes_nothing() -> None:
    feedback = AdaptiveTeacherWeights(TEACHERS)
    run_epoch(feedback, epochs()[0])
    before = weights(feedback)
    feedback.end_epoch()
    assert (weights(feedback) == before).all()
    assert not np.allclose(before, 1)


def test_a_state_from_within_an_epoch_goes_on_to_the_same_end() -> None:
    first, second = epochs()[:2]
    feedback = AdaptiveTeacherWeights(TEACHERS)
    run_epoch(feedback, first)
    for student, teacher in torch.from_numpy(second[:2]):
        feedback.observe(student, teacher)
    resumed = AdaptiveTeacherWeights(TEACHERS)
    resumed.load_state_dict(copy.deepcopy(feedback.state_dict()))
    run_epoch(feedback, second[2:])
    run_epoch(resumed, second[2:])
    assert (weights(resumed) == weights(feedback)).all()
    fresh = AdaptiveTeacherWeights(TEACHERS)
    run_epoch(fresh, second[2:])
    assert not np.allclose(weights(fresh), weights(feedback))


def test_observing_keeps_no_graph() -> None:
    feedback = AdaptiveTeacherWeights(TEACHERS)
    student = torch.ones(3, requires_grad=True)
    feedback.observe(2 * student, torch.ones(3))
    feedback.end_epoch()
    assert not feedback.of("depth").requires_grad


@pytest.mark.parametrize(("teachers", "rate"), [((), 0.5), (TEACHERS, 1.5), (TEACHERS, -0.1)])
def test_feedback_refuses_what_it_cannot_do(teachers: tuple[str, ...], rate: float) -> None:
    with pytest.raises(UserError):
        AdaptiveTeacherWeights(teachers, rate)


def one_of_two(rank: int, folder: Path) -> None:
    """See other losses and other random numbers than the other process, within DDP, which exchanges buffers."""
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2)
    torch.manual_seed(rank)
    losses = torch.tensor([[3.0, 2.0, 0.0, 0.0], [0.0, 2.0, 3.0, 0.0]])[rank]  # the second has the largest mean
    drawn = torch.stack([drop_teachers(losses, 0.5) for _ in range(30)])
    feedback, batches = AdaptiveTeacherWeights(TEACHERS), torch.from_numpy(epochs()[0])
    student = nn.ModuleDict({"linear": nn.Linear(2, 2), "feedback": feedback, "standardiser": PerChannel(2)})
    student.forward = lambda x: student["linear"](x)  # type: ignore[method-assign, assignment]
    wrapped = nn.parallel.DistributedDataParallel(student)
    for batch in batches[rank:4:2]:
        wrapped(torch.ones(1, 2)).sum().backward()
        feedback.observe(*batch)
    feedback.end_epoch()
    torch.save({"drawn": drawn, "weights": feedback.weights}, folder / f"{rank}.pt")
    distributed.destroy_process_group()


def test_processes_decide_alike_from_the_mean_of_their_losses(tmp_path: Path) -> None:
    multiprocessing.spawn(one_of_two, (tmp_path,), nprocs=2)
    one, two = (torch.load(tmp_path / f"{rank}.pt") for rank in range(2))
    assert torch.equal(one["drawn"], two["drawn"])
    assert one["drawn"][:, MOST_BEHIND].all()
    assert not one["drawn"].all()
    alone = AdaptiveTeacherWeights(TEACHERS)
    run_epoch(alone, epochs()[0][:4])
    for found in (one, two):
        np.testing.assert_allclose(found["weights"], weights(alone), rtol=1e-5)
