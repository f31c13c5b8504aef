"""Mistakes in tasks are found and told."""

from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional
from torchmetrics import Metric, MetricCollection

from src.modalities.known import EDGES
from src.tasks.base import TASKS, Task
from tests.contracts.findings import broken, check
from tests.tasks.usual import Depth

LIKE_DEPTH: dict[str, type[Depth]] = {}


def mistaken(kind: type[Depth]) -> type[Depth]:
    LIKE_DEPTH[kind.__name__] = kind
    return TASKS.register(kind.__name__)(kind)


class Agreement(Metric):
    """Mean of batch means where ``by_batch``, else of the whole set."""

    def __init__(self, by_batch: bool = False) -> None:
        super().__init__()
        self.by_batch = by_batch
        self.add_state("right", torch.zeros(()), "sum")
        self.add_state("count", torch.zeros(()), "sum")

    def update(self, prediction: Tensor, target: Tensor) -> None:
        right = ((prediction > 0.0) == (target > 0))[target >= 0].float()
        self.right += right.mean() if self.by_batch else right.sum()
        self.count += 1 if self.by_batch else right.numel()

    def compute(self) -> Tensor:
        return self.right / self.count


@TASKS.register()
class Edges(Task):
    """A task of a user's own: whether there is an edge, 0 or 1, -1 where it is not known."""

    name, modality, channels = "edges", EDGES, 1
    primary_metric = "agreement"
    higher_is_better: ClassVar[dict[str, bool]] = {"agreement": True}
    delta_m_metrics: ClassVar[tuple[str, ...]] = ("agreement",)
    invalid = -1

    def __init__(self, by_batch: bool = False) -> None:
        self.by_batch = by_batch

    def target(self, stored: Tensor) -> Tensor:
        return torch.where(stored == 255, -1.0, stored.float())[:, None]

    def activate(self, raw: Tensor) -> Tensor:
        return raw

    def loss(self, raw: Tensor, target: Tensor) -> Tensor:
        valid = target >= 0
        loss = functional.binary_cross_entropy_with_logits(raw.float(), target.clamp_min(0), reduction="none")
        return torch.where(valid, loss, 0.0).sum() / valid.sum().clamp(min=1)

    def metrics(self) -> MetricCollection:
        return MetricCollection({"agreement": Agreement(self.by_batch)})

    def hflip(self, target: Tensor) -> Tensor:
        return target.flip(-1)

    def rescale(self, target: Tensor, scale: Tensor) -> Tensor:
        return target

    def to_numpy(self, prediction: Tensor) -> np.ndarray:
        return (prediction > 0).float().numpy()

    def colorize(self, value: np.ndarray) -> np.ndarray:
        return np.repeat(np.where(value[0] > 0, 255, 0).astype(np.uint8)[..., None], 3, -1)

    def error(self, prediction: Tensor, target: Tensor) -> np.ndarray:
        return (((prediction > 0) != (target > 0)) & (target >= 0)).float()[0].numpy()


@mistaken
class Misshapen(Depth):
    def loss(self, raw: Tensor, target: Tensor) -> Tensor:
        return torch.where(target > 0, (raw.float() - target).abs(), 0.0).mean((1, 2, 3))


@mistaken
class NotANumber(Depth):
    def loss(self, raw: Tensor, target: Tensor) -> Tensor:
        return super().loss(raw, target) + raw.float().square().sum(1).sqrt().mean() * 0


@mistaken
class MeansOverNothing(Depth):
    def loss(self, raw: Tensor, target: Tensor) -> Tensor:
        return (raw.float() - target)[target > 0].abs().mean()


@mistaken
class LearnsFromHoles(Depth):
    def loss(self, raw: Tensor, target: Tensor) -> Tensor:
        return (raw.float() - target).abs().mean()


@mistaken
class DoesNotFlip(Depth):
    def hflip(self, target: Tensor) -> Tensor:
        return target


@mistaken
class Rolls(Depth):
    def hflip(self, target: Tensor) -> Tensor:
        return target.roll(1, -1)


@mistaken
class Adds(Depth):
    def rescale(self, target: Tensor, scale: Tensor) -> Tensor:
        return target + scale.view(-1, 1, 1, 1)


@mistaken
class Misnames(Depth):
    def __init__(self) -> None:
        super().__init__()
        self.higher_is_better = {"absolute_error": False, "accuracy": True}

    def metrics(self) -> MetricCollection:
        return Depth().metrics()


@mistaken
class PaintsFloats(Depth):
    def colorize(self, value: np.ndarray) -> np.ndarray:
        return super().colorize(value) / 255


@mistaken
class ErrsWithoutBounds(Depth):
    def error(self, prediction: Tensor, target: Tensor) -> np.ndarray:
        return (prediction - target).abs()[0].numpy()


@mistaken
class Halves(Depth):
    def activate(self, raw: Tensor) -> Tensor:
        return raw[..., ::2]


@mistaken
class NeverTheSame(Depth):
    def output_distillation_loss(self, raw: Tensor, teacher: Tensor, temperature: float) -> Tensor:
        return (raw - teacher + 0.1).abs().mean()


@mistaken
class TakesNothing(Depth):
    def target(self, stored: Tensor) -> Tensor:
        return stored.float()[:, :, :5]


@mistaken
class Nameless(Depth):
    def __init__(self) -> None:
        super().__init__()
        self.name = ""


def test_a_task_of_ones_own_finds_how_its_labels_are_stored() -> None:
    found = check("task", f"{__name__}.edges")
    assert {f.name for f in found if f.verdict == "does not hold"} == set()
    assert next(f.seen for f in found if f.name == "target") == "from uint8 (N, H, W), 0 or 1, 255 without a label"


def test_a_metric_that_averages_batches_is_found() -> None:
    found = broken("task", f"{__name__}.edges", by_batch=True)
    assert set(found) == {"metrics_do_not_depend_on_batches"}
    assert found["metrics_do_not_depend_on_batches"].startswith("agreement image by image: 1 of 1 values differ")


@pytest.mark.parametrize(
    ("kind", "seen"),
    [
        ("NotANumber", {"loss_has_gradients": "the gradient with respect to the output is NaN or infinite"}),
        ("MeansOverNothing", {"loss_without_labels": "it is nan"}),
        ("DoesNotFlip", {"hflip_moves_pixels": "of 4608 pixels are not those of the mirrored target"}),
        ("Rolls", {"hflip_moves_pixels": "pixels", "hflip_twice": "the target after two flips: "}),
        (
            "Adds",
            {"rescale_by_one": "values differ, by up to 1", "invalid_stays": "rescale() returns values other"},
        ),
        ("Misnames", {"metrics_are_declared": "computed: absolute_error, relative_error, rmse, delta_1; declared: "}),
        ("PaintsFloats", {"pictures": "the picture of the truth is float64 (32, 48, 3), not uint8"}),
        ("ErrsWithoutBounds", {"error_map": "it ranges from "}),
        ("NeverTheSame", {"output_distillation": "it is 0.1 for equal outputs"}),
        ("TakesNothing", {"target": "scalars float16"}),
        ("Nameless", {"declares": "name is ''"}),
    ],
)
def test_a_mistake_in_a_task_is_told(kind: str, seen: dict[str, str]) -> None:
    found = broken("task", f"{__name__}.{kind}")
    assert set(found) == set(seen), found
    for key, words in seen.items():
        assert words in found[key], found[key]


@pytest.mark.parametrize(
    ("kind", "name", "words"),
    [
        ("Misshapen", "loss_is_a_scalar", "the loss of float32 (3, 1, 32, 48) is float32 (3,), not a scalar"),
        ("LearnsFromHoles", "loss_passes_over_unlabelled", "the loss after a change of those outputs: 1 of 1 values"),
        ("LearnsFromHoles", "loss_without_labels", "it is 0."),
        ("Halves", "activate", "the prediction is float32 (3, 1, 32, 24), not (3, 1, 32, 48)"),
        ("Halves", "metrics_are_declared", "raised RuntimeError: "),
    ],
)
def test_a_mistake_that_breaks_more_than_one_property_is_told(kind: str, name: str, words: str) -> None:
    assert words in broken("task", f"{__name__}.{kind}")[name]


def test_a_loss_that_waits_for_the_device_is_a_note() -> None:
    @TASKS.register("waits")
    class Waits(Depth):
        def loss(self, raw: Tensor, target: Tensor) -> Tensor:
            return super().loss(raw, target) if bool((target > 0).any()) else raw.float().sum() * 0

    found: Any = {f.name: f for f in check("task", f"{__name__}.waits")}
    assert found["loss_does_not_wait"].verdict == "note"
    assert "raised " in found["loss_does_not_wait"].seen
