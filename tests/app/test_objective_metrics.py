"""The metrics of objective=delta_mtl."""

from pathlib import Path

import pytest

from src.app.command import read_checked
from src.app.composing import composed_values
from src.app.configuration.train import TrainConfig
from src.app.objective import objective_of
from src.app.rules import Request, broken_rules
from src.runs.identity import decisive
from src.runs.record import read_run
from tests.reporting.written_runs import student, write_run, write_teachers

DELTA = "objective=delta_mtl"


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ((DELTA, "delta_metrics=[depth/rmsee]"), "depth/rmsee"),
        ((DELTA, "delta_metrics=[height/rmse]"), "there are depth, normal, semantic"),
        ((DELTA, "delta_metrics={depth: miou}"), "absolute_error"),
        ((DELTA, "delta_metrics=[depth/rmse,depth/delta_1]"), "one metric each"),
        (("delta_metrics=[depth/rmse]",), "would change nothing"),
        (("objective=val/score", "delta_metrics=[depth/rmse]"), "would change nothing"),
    ],
)
def test_metrics_that_will_not_be_there_or_do_nothing_are_refused(overrides: tuple[str, ...], message: str) -> None:
    values = composed_values("train", overrides)
    mistakes = broken_rules(Request(read_checked(TrainConfig, values, [], None), overrides))
    assert any(message in str(mistake) for mistake in mistakes), mistakes


@pytest.mark.parametrize("choice", ["[depth/rmse]", "{depth: rmse, semantic: pixel_accuracy}"])
def test_metrics_that_will_be_there_are_accepted(choice: str) -> None:
    overrides = (DELTA, f"delta_metrics={choice}")
    values = composed_values("train", overrides)
    assert not broken_rules(Request(read_checked(TrainConfig, values, [], None), overrides))


def test_the_objective_compares_them(tmp_path: Path) -> None:
    teachers = write_teachers(tmp_path)
    results = student(angle=24.28 * 0.7) | {"depth/rmse": 0.45}
    run = read_run(write_run(tmp_path, "student", results, teachers=teachers))
    assert objective_of(run, "delta_mtl") == pytest.approx(30 / 3)
    assert objective_of(run, "delta_mtl", ["depth/rmse"]) == pytest.approx((50 + 30) / 3)
    assert objective_of(run, "delta_mtl", {"depth": "rmse", "normal": "median_angle"}) == pytest.approx(50 / 3)


def test_they_decide_nothing_of_a_run() -> None:
    values = composed_values("train", (DELTA,))
    found = decisive(values, {}, {}, "32-true")
    assert decisive(values | {"delta_metrics": ["depth/rmse"]}, {}, {}, "32-true") == found
    assert decisive(values | {"seed": 5}, {}, {}, "32-true") != found
