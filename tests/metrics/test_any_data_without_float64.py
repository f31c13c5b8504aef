"""Metrics of edges, binary maps, scalars and many classes on a device that has no float64."""

from collections.abc import Callable

import pytest
from torch import Tensor
from torchmetrics import Metric

from src.metrics.binary import BinaryScores
from src.metrics.classes import ClassScores
from src.metrics.edges import EdgeScores
from src.metrics.scalars import ScalarErrors
from tests.metrics import test_binary, test_classes, test_edges, test_scalars
from tests.metrics.by_ranks import measure, measure_on_two_ranks
from tests.metrics.test_without_float64 import no_float64

Build = Callable[[], Metric]
Draw = Callable[[], tuple[Tensor, ...]]
KINDS: list[tuple[Build, Draw]] = [
    (lambda: EdgeScores(0.05, (0.3, 0.6)), test_edges.draw),
    (BinaryScores, test_binary.draw),
    (ScalarErrors, test_scalars.draw),
    (lambda: ClassScores(test_classes.CLASSES), test_classes.draw),
]
each_kind = pytest.mark.parametrize(("build", "draw"), KINDS, ids=["edges", "binary", "scalars", "classes"])


@each_kind
def test_scores_are_the_same(build: Build, draw: Draw) -> None:
    maps = draw()
    expected = measure(build(), maps, 3)
    with no_float64():
        assert measure(build(), maps, 2) == pytest.approx(expected, rel=1e-5)
        assert measure_on_two_ranks(build(), build(), maps, 2) == pytest.approx(expected, rel=1e-5)


@each_kind
def test_half_precision_predictions(build: Build, draw: Draw) -> None:
    prediction, *rest = draw()
    half = prediction.bfloat16()
    assert measure(build(), (half, *rest), 3) == measure(build(), (half.float(), *rest), 3)
