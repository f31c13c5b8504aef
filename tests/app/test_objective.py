"""The number that a sweeper optimises."""

from typing import Any

import pytest
from hydra.core.plugins import Plugins

from src.app.command import read_checked
from src.app.composing import composed_values
from src.app.configuration.train import TrainConfig
from src.app.rules import Request, broken_rules
from src.metrics.delta import delta_mtl
from src.training.history import read_history
from tests.conftest import TINY, Workspace, read_json

PRIMARY = {"semantic/miou": True, "depth/absolute_error": False, "normal/mean_angle": False}


@pytest.fixture
def results(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What a sweeper gets of its jobs, in the order of all sweeps of a test."""
    seen: list[Any] = []
    name = "hydra._internal.core_plugins.basic_sweeper.BasicSweeper"  # which Hydra imports anew
    sweeper: Any = Plugins.instance().class_name_to_class[name]
    sweep = sweeper.sweep

    def sweep_and_look(self: Any, arguments: list[str]) -> Any:
        batches = sweep(self, arguments)
        seen.extend(job.return_value for batch in batches for job in batch)
        return batches

    monkeypatch.setattr(sweeper, "sweep", sweep_and_look)
    return seen


def test_a_sweeper_gets_the_objective_of_each_job(trained: Workspace, results: list[Any]) -> None:
    command = ("train", "-m", *TINY, "stage=student", "optimiser.lr=0.0017", "label=objective", "reuse=true")
    for objective in ("delta_mtl", "val/score", "semantic/miou", "null"):  # the later ones find the run of the first
        assert trained.call(*command, f"objective={objective}").code == 0
    (run,) = [r for r in trained.runs() if read_json(r / "run.json")["label"] == "objective"]
    metrics = read_json(run / "metrics.json")["metrics"]
    teachers = read_json(run / "run.json")["teachers"].values()
    reference = {
        k: v for teacher in teachers for k, v in read_json(trained.root / teacher / "metrics.json")["metrics"].items()
    }
    score = float(read_history(run / "metrics.csv")[-1]["val/score"])
    assert results == [delta_mtl(metrics, reference, PRIMARY), score, metrics["semantic/miou"], None]


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (("objective=semantic/iou",), "val/score, delta_mtl, semantic/miou"),
        (("objective=semantic/miou", "tasks=[depth,normal]"), "no objective=semantic/miou"),
        (("objective=delta_mtl", "distillation=none"), "distillation=none uses no trained one"),
        (("objective=delta_mtl", "stage=teacher", "task=depth"), "a teacher uses no trained one"),
        (("objective=val/score", "dataset.validation=none"), "never computed"),
        (("objective=val/score", "trainer.check_val_every_n_epoch=5", "trainer.max_epochs=4"), "never computed"),
    ],
)
def test_an_objective_that_will_not_be_there_is_refused(overrides: tuple[str, ...], message: str) -> None:
    values = composed_values("train", overrides)
    mistakes = broken_rules(Request(read_checked(TrainConfig, values, [], None), overrides))
    assert any(message in str(mistake) for mistake in mistakes), mistakes


def test_a_teacher_without_metrics_cannot_be_compared_with(trained: Workspace) -> None:
    before = trained.runs()
    loose = trained.root / "loose.pt"
    depth = next(run for run in before if read_json(run / "run.json")["task"] == "depth")
    loose.write_bytes((depth / "weights.pt").read_bytes())
    result = trained.call("train", *TINY, "stage=student", f"teacher.depth={loose}", "objective=delta_mtl")
    assert result.code == 1
    assert "needs a teacher's depth/absolute_error" in result.out
    assert trained.runs() == before
