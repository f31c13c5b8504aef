"""classes.json: scores of single classes under each protocol, by evaluate, and over processes."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torchmetrics import MetricCollection

from src.metrics.classes import ClassScores, scores_by_class
from src.training.callbacks.class_results import ClassResults
from tests.conftest import Workspace, read_json


def scores(run: Path, score: str) -> dict[str, float | None]:
    found = read_json(run / "classes.json")["classes"]
    start = f"semantic/{score}/"
    return {key.removeprefix(start): value for key, value in found.items() if key.startswith(start)}


def weighted_accuracy(run: Path) -> float:
    """Pixel accuracy, from the accuracies of classes."""
    accuracy = scores(run, "accuracy")
    return sum((share or 0) * (accuracy[name] or 0) for name, share in scores(run, "share").items())


def test_classes_are_scored_as_the_whole_is_and_by_evaluate_too(trained: Workspace, tmp_path: Path) -> None:
    run = trained.teacher("semantic")
    metrics = read_json(run / "metrics.json")["metrics"]
    iou = scores(run, "iou")
    assert {"wall", "floor", "bed"} <= set(iou)
    known = [value for value in iou.values() if value is not None]
    assert sum(known) / len(known) == pytest.approx(metrics["semantic/miou"], abs=1e-6)
    assert weighted_accuracy(run) == pytest.approx(metrics["semantic/pixel_accuracy"], abs=1e-6)
    out = tmp_path / "out.json"
    result = trained.call("evaluate", f"run={run}", f"store={trained.root}/data/rooms-32x48", f"out={out}")
    assert result.code == 0, result.out
    assert read_json(out)["classes"] == read_json(run / "classes.json")["classes"]
    assert read_json(out)["metrics"].keys() == metrics.keys()
    for name, value in iou.items():
        (line,) = [line for line in result.out.splitlines() if f" {name} " in line]
        assert (f"{value:.4f}" if value is not None else "-") in line
    assert not (trained.teacher("depth") / "classes.json").exists()


def test_mean10_averages_classes_over_epochs_and_resumes(workspace: Workspace) -> None:
    mean10 = ("protocol=mean10", "dataset.validation=test", "trainer.max_epochs=3")
    run = workspace.train("stage=teacher", "task=semantic", "pictures.count=0", *mean10, "optimiser.lr=0.01")
    metrics = read_json(run / "metrics.json")["metrics"]
    assert weighted_accuracy(run) == pytest.approx(metrics["semantic/pixel_accuracy"], abs=1e-6)
    states = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["callbacks"]
    (state,) = [value for key, value in states.items() if "ClassResults" in key]
    restored = ClassResults(run / "other.json", "mean10")
    restored.load_state_dict(state)
    assert list(restored.epochs) == [0, 1, 2]
    trainer: Any = type("Trainer", (), {"current_epoch": 1})()
    restored.on_train_start(trainer, None)  # type: ignore[arg-type]
    assert list(restored.epochs) == [0]


def test_scores_of_classes_are_exact_over_processes() -> None:
    random = torch.Generator().manual_seed(0)
    logits = torch.randn(6, 5, 9, 10, generator=random)
    target = torch.randint(-1, 4, (6, 9, 10), generator=random)
    whole, here, there = (MetricCollection([ClassScores(5)]) for _ in range(3))
    whole.update(logits, target)
    here.update(logits[:2], target[:2])
    there.update(logits[2:], target[2:])
    other: Any = next(iter(there.values()))
    mine: Any = next(iter(here.values()))
    states = [getattr(other, name) for name in ("hits", "targets", "predictions")]
    mine.distributed_available_fn = lambda: True

    def gather(value: Tensor, group: Any = None) -> list[Tensor]:
        (name,) = [n for n in ("hits", "targets", "predictions") if getattr(mine, n) is value]
        return [value, states[("hits", "targets", "predictions").index(name)]]

    mine.dist_sync_fn = gather
    alone = mine.hits.clone()
    found, expected = scores_by_class(here), scores_by_class(whole)
    for key, values in expected.items():
        torch.testing.assert_close(found[key], values, rtol=0, atol=0, equal_nan=True)
    assert torch.equal(mine.hits, alone)
    assert scores_by_class(MetricCollection([])) == {}
