"""The comparison: numbers against hand-computed ones, spreads, newest runs, and the command."""

import csv
import statistics
from pathlib import Path
from typing import Any

import pytest

from src.comparison.collect import compare
from src.comparison.tables import as_csv, markdown
from src.files import write_json
from src.runs.record import find_runs
from tests.conftest import Workspace

TASKS = {
    "semantic": {"_target_": "src.tasks.semantic.Semantic", "classes": 13},
    "depth": {"_target_": "src.tasks.depth.Depth", "unit": "m"},
    "normal": {"_target_": "src.tasks.normal.Normal"},
}
SINGLE = {
    "semantic": {"miou": 0.4054, "miou_per_image": 0.3, "pixel_accuracy": 0.6},
    "depth": {"absolute_error": 0.6276, "relative_error": 0.25, "rmse": 0.9, "delta_1": 0.6},
    "normal": {"mean_angle": 24.28, "median_angle": 18.0, "within_11": 0.3, "within_22": 0.58, "within_30": 0.7},
}


def write_run(root: Path, name: str, results: dict[str, float], **about: Any) -> None:
    stage = about.get("stage", "student")
    names = {"model": "small", "distillation": "none", "adaptor": "linear", "distance": "normalised"}
    record = {
        "status": "finished",
        "stage": stage,
        "task": None,
        "task_configs": TASKS if stage == "student" else {about["task"]: TASKS[about["task"]]},
        "dataset": {"name": "rooms", "size": [64, 96], "classes": 13},
        "train_images": 100,
        "names": names | {"loss_weights": "uniform"} | about.pop("names", {}),
        "seed": 0,
        "epochs": 5,
        "protocol": "last",
        "parameters": 1_000_000,
        "started": name,
        "images_per_second": 10.0,
    }
    write_json(root / name / "run.json", record | about)
    write_json(root / name / "metrics.json", {"metrics": results})


def write_teachers(root: Path, seed: int = 0) -> None:
    for task, metrics in SINGLE.items():
        results = {f"{task}/{key}": value for key, value in metrics.items()}
        write_run(root, f"teacher-{task}-{seed}", results, stage="teacher", task=task, seed=seed)


def student(miou: float = 0.4054, error: float = 0.6276, angle: float = 24.28) -> dict[str, float]:
    results = {f"{task}/{key}": value for task, metrics in SINGLE.items() for key, value in metrics.items()}
    return results | {"semantic/miou": miou, "depth/absolute_error": error, "normal/mean_angle": angle}


def test_delta_is_zero_for_the_teachers_and_the_papers_for_the_papers_student(tmp_path: Path) -> None:
    write_teachers(tmp_path)
    write_run(tmp_path, "student", student(0.4552, 0.4912, 24.57), names={"distillation": "universal"})
    (comparison,) = compare(list(find_runs(tmp_path)))
    single, distilled = comparison.rows
    assert single.mean("Delta_MTL (%)") == 0
    assert distilled.method == "distilled (universal)"
    assert distilled.mean("Delta_MTL (%)") == pytest.approx(10.95, abs=0.01)
    nine = [-(0.4552 - 0.4054) / 0.4054, (0.4912 - 0.6276) / 0.6276, (24.57 - 24.28) / 24.28]
    assert distilled.mean("Delta_m (%)") == pytest.approx(100 * sum(nine) / 9)


def test_mean_and_spread_are_over_seeds_each_against_its_own_teachers(tmp_path: Path) -> None:
    values = [0.40, 0.42, 0.47]
    for seed, miou in enumerate(values):
        write_teachers(tmp_path, seed)
        write_run(tmp_path, f"student-{seed}", student(miou), seed=seed)
    (comparison,) = compare(list(find_runs(tmp_path)))
    row = comparison.rows[1]
    assert row.mean("semantic/miou") == pytest.approx(statistics.fmean(values))
    assert row.spread("semantic/miou") == pytest.approx(statistics.stdev(values))
    assert f"{statistics.fmean(values):.4f} ± {statistics.stdev(values):.4f}" in markdown(comparison)
    assert "| 0, 1, 2 |" in markdown(comparison)


def test_a_newer_run_replaces_an_older_one_and_unfinished_ones_do_not_count(tmp_path: Path) -> None:
    write_run(tmp_path, "1", student(0.1))
    write_run(tmp_path, "2", student(0.2))
    write_run(tmp_path, "3", student(0.3), status="interrupted")
    (comparison,) = compare(list(find_runs(tmp_path)))
    assert comparison.rows[-1].values["semantic/miou"] == [0.2]
    assert comparison.rows[-1].mean("Delta_MTL (%)") is None  # no teachers, nothing to compare with


def test_other_sizes_networks_lengths_and_protocols_stand_in_tables_of_their_own(tmp_path: Path) -> None:
    write_run(tmp_path, "1", student())
    write_run(tmp_path, "2", student(), dataset={"name": "rooms", "size": [96, 128], "classes": 13})
    write_run(tmp_path, "3", student(), epochs=6)
    write_run(tmp_path, "4", student(), protocol="mean10")
    write_run(tmp_path, "5", student(), names={"model": "segnet"})
    assert len(compare(list(find_runs(tmp_path)))) == 5


def test_methods_are_told_apart_by_every_group(tmp_path: Path) -> None:
    for i, names in enumerate(
        [
            {},
            {"loss_weights": "dwa"},
            *({"distillation": "matched"} | extra for extra in ({}, {"adaptor": "mlp"}, {"distance": "l2"})),
        ]
    ):
        write_run(tmp_path, str(i), student(), names=names)
    write_run(tmp_path, "9", student(), label="mine")
    (comparison,) = compare(list(find_runs(tmp_path)))
    assert {row.method for row in comparison.rows[1:]} == {
        "multi-task",
        "multi-task + dwa",
        "distilled (matched)",
        "distilled (matched, mlp)",
        "distilled (matched, l2)",
        "mine",
    }


def test_csv_holds_every_metric(tmp_path: Path) -> None:
    write_teachers(tmp_path)
    write_run(tmp_path, "student", student())
    rows = list(csv.DictReader(as_csv(compare(list(find_runs(tmp_path)))).splitlines()))
    assert {row["metric"] for row in rows if row["method"] == "multi-task"} >= {
        *student(),
        "Delta_MTL (%)",
        "Delta_m (%)",
    }


def test_the_command_writes_its_files_and_survives_a_broken_run(workspace: Workspace) -> None:
    runs = workspace.root / "runs"
    write_teachers(runs)
    write_run(runs, "student", student())
    (runs / "broken").mkdir()
    (runs / "broken" / "run.json").write_text("{")
    out = workspace.root / "out"
    result = workspace.call("report", f"runs={runs}", f"out={out}")
    assert result.code == 0, result.out
    assert "multi-task" in result.out
    assert "multi-task" in (out / "comparison.md").read_text()
    assert (out / "comparison.csv").exists()


@pytest.mark.parametrize("make", [True, False])
def test_nothing_to_compare_is_said_plainly(workspace: Workspace, make: bool) -> None:
    runs = workspace.root / "runs"
    if make:
        runs.mkdir()
    result = workspace.call("report", f"runs={runs}")
    assert result.code == 1
    assert "make student" in result.out
    assert "Traceback" not in result.out
