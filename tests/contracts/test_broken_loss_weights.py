"""Mistakes in loss weightings are found and told."""

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from src.loss_weights.base import LOSS_WEIGHTS, LossWeighting, Parameters
from tests.contracts.findings import broken, check


@LOSS_WEIGHTS.register()
class Inverse(LossWeighting):
    """Weights by the inverse of a moving average of each loss, as it should be."""

    average: Tensor

    def __init__(self, tasks: Sequence[str]) -> None:
        super().__init__(tasks)
        self.register_buffer("average", torch.ones(len(tasks)))

    def combine(self, losses: Tensor, parameters: Parameters) -> Tensor:
        self.average.lerp_(losses.detach(), 0.5)
        return (losses / (self.average + 0.1)).sum()

    def weights(self) -> Tensor:
        return 1 / (self.average + 0.1)


@LOSS_WEIGHTS.register()
class Forgets(Inverse):
    def __init__(self, tasks: Sequence[str]) -> None:
        super().__init__(tasks)
        del self.average
        self.average = torch.ones(len(tasks))


@LOSS_WEIGHTS.register()
class ForgetsTheEpoch(Inverse):
    epoch = 0

    def end_epoch(self) -> None:
        self.epoch += 1

    def combine(self, losses: Tensor, parameters: Parameters) -> Tensor:
        return super().combine(losses, parameters) * 0.9**self.epoch


@LOSS_WEIGHTS.register()
class KeepsLossesApart(Inverse):
    def combine(self, losses: Tensor, parameters: Parameters) -> Tensor:
        return losses * self.average


@LOSS_WEIGHTS.register()
class LeavesOneOut(Inverse):
    def combine(self, losses: Tensor, parameters: Parameters) -> Tensor:
        return losses[1:].sum() if len(losses) > 1 else losses.sum()


@LOSS_WEIGHTS.register()
class GeometricMean(Inverse):
    def combine(self, losses: Tensor, parameters: Parameters) -> Tensor:
        return losses.log().mean().exp()


@LOSS_WEIGHTS.register()
class Normalised(Inverse):
    def combine(self, losses: Tensor, parameters: Parameters) -> Tensor:
        return (losses * losses.detach() / losses.detach().sum()).sum()


@LOSS_WEIGHTS.register()
class ForThreeTasks(Inverse):
    def combine(self, losses: Tensor, parameters: Parameters) -> Tensor:
        return losses[0] + losses[1] + losses[2]


@LOSS_WEIGHTS.register()
class CallsBackward(Inverse):
    def combine(self, losses: Tensor, parameters: Parameters) -> Tensor:
        losses.sum().backward(retain_graph=True)
        return losses.sum()


@LOSS_WEIGHTS.register()
class TellsOneWeight(Inverse):
    def weights(self) -> Tensor:
        return self.average.mean()


@LOSS_WEIGHTS.register()
class LearnsNothing(Inverse):
    def __init__(self, tasks: Sequence[str]) -> None:
        super().__init__(tasks)
        self.scales = nn.Parameter(torch.zeros(len(tasks)))


@LOSS_WEIGHTS.register()
class MindsTheOrder(Inverse):
    def combine(self, losses: Tensor, parameters: Parameters) -> Tensor:
        return (torch.arange(1.0, len(losses) + 1) * losses).sum()


@LOSS_WEIGHTS.register()
class NoWeighting:
    def __init__(self, tasks: Any) -> None:
        pass


def test_a_weighting_of_ones_own_holds() -> None:
    assert {f.name: f.seen for f in check("loss_weights", f"{__name__}.inverse") if f.verdict != "ok"} == {}


@pytest.mark.parametrize(
    ("name", "seen"),
    [
        ("forgets", {"saves_and_restores": "the result of combine() in a later step: 1 of 1 values differ"}),
        ("forgets_the_epoch", {"saves_and_restores": "the result of combine() in a later step: 1 of 1 values differ"}),
        ("keeps_losses_apart", {"combines": "the result of combine() is float32 (3,), not a scalar"}),
        ("leaves_one_out", {"every_task_counts": "semantic does not reach shared parameters"}),
        (
            "geometric_mean",
            {"a_task_without_labels": "of the gradient of layer are NaN", "no_labels_at_all": ""},
        ),
        ("normalised", {"no_labels_at_all": "the result of combine() is nan"}),
        ("for_three_tasks", {"one_task": "raised IndexError: index 1 is out of bounds"}),
        ("calls_backward", {"combines": "combine() writes .grad of layer, alone, heads"}),
        ("tells_one_weight", {"weights_are_told": "weights() is float32 (), not (3,)"}),
        ("learns_nothing", {"everything_learns": "no gradient for scales"}),
        ("no_weighting", {"combines": "it is a NoWeighting, not a LossWeighting"}),
    ],
)
def test_a_mistake_in_a_weighting_is_told(name: str, seen: dict[str, str]) -> None:
    found = broken("loss_weights", f"{__name__}.{name}")
    assert set(found) == set(seen), found
    for key, words in seen.items():
        assert words in found[key], found[key]


def test_a_weighting_that_minds_the_order_is_a_note() -> None:
    notes = {f.name: f.verdict for f in check("loss_weights", f"{__name__}.minds_the_order") if f.verdict != "ok"}
    assert notes == {"order_of_tasks": "note"}
