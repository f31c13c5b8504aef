"""The comparison: numbers against hand-computed ones, spreads, newest runs, and the command."""

import csv
import statistics
from pathlib import Path
from typing import Any

import pytest

from src.reporting.cost import gflop
from src.reporting.markdown import markdown
from src.reporting.tables import as_csv
from tests.conftest import Workspace
from tests.reporting.written_runs import SINGLE, TASKS, one, student, tables, write_run, write_teachers


def test_delta_is_zero_for_the_teachers_and_the_papers_for_the_papers_student(tmp_path: Path) -> None:
    write_teachers(tmp_path)
    write_run(tmp_path, "student", student(0.4552, 0.4912, 24.57), names={"distillation": "universal"})
    comparison = one(tmp_path)
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
    comparison = one(tmp_path)
    row = comparison.rows[1]
    assert row.mean("semantic/miou") == pytest.approx(statistics.fmean(values))
    assert row.spread("semantic/miou") == pytest.approx(statistics.stdev(values))
    assert f"{statistics.fmean(values):.4f} ± {statistics.stdev(values):.4f}" in markdown(comparison)
    assert "| 0, 1, 2 |" in markdown(comparison)


def test_runs_with_fewer_labels_stand_in_a_table_of_their_own(tmp_path: Path) -> None:
    write_run(tmp_path, "all", student(0.4))
    write_run(tmp_path, "one", student(0.3), {"labels": "one"}, supervision="one")
    settings = [comparison.setting.dataset for comparison in tables(tmp_path)]
    assert len(settings) == 2
    assert [setting for setting in settings if setting.endswith("one task's label each")]


def test_a_newer_run_replaces_an_older_one_and_unfinished_ones_do_not_count(tmp_path: Path) -> None:
    write_run(tmp_path, "1", student(0.1))
    write_run(tmp_path, "2", student(0.2))
    write_run(tmp_path, "3", student(0.3), status="interrupted")
    comparison = one(tmp_path)
    assert comparison.rows[-1].values["semantic/miou"] == [0.2]
    assert comparison.rows[-1].mean("Delta_MTL (%)") is None  # no teachers, nothing to compare with


def test_other_sizes_networks_lengths_and_protocols_stand_in_tables_of_their_own(tmp_path: Path) -> None:
    write_run(tmp_path, "1", student())
    write_run(tmp_path, "2", student(), {"dataset": {"size": [96, 128]}})
    write_run(tmp_path, "3", student(), {"trainer": {"max_epochs": 6}})
    write_run(tmp_path, "4", student(), {"protocol": "mean10"})
    write_run(tmp_path, "5", student(), {"model": {"_target_": "segnet", "filters": [4, 4, 6, 6, 8]}})
    assert len(tables(tmp_path)) == 5


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
    comparison = one(tmp_path)
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
    rows = list(csv.DictReader(as_csv(tables(tmp_path)).splitlines()))
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
    assert "multi-task" in (out / "comparison.tex").read_text()
    assert "multi-task" in (out / "comparison.html").read_text()


@pytest.mark.parametrize("make", [True, False])
def test_nothing_to_compare_is_said_plainly(workspace: Workspace, make: bool) -> None:
    runs = workspace.root / "runs"
    if make:
        runs.mkdir()
    result = workspace.call("report", f"runs={runs}")
    assert result.code == 1
    assert "make student" in result.out
    assert "Traceback" not in result.out


def test_gain_of_each_task_averages_to_delta(tmp_path: Path) -> None:
    write_teachers(tmp_path)
    write_run(tmp_path, "student", student(0.4552, 0.4912, 24.57))
    row = one(tmp_path).rows[1]
    gains = [row.mean(f"gain of {task} (%)") for task in SINGLE]
    assert gains[0] == pytest.approx(100 * (0.4552 / 0.4054 - 1))
    assert gains[1] == pytest.approx(100 * (1 - 0.4912 / 0.6276))
    assert statistics.fmean(g for g in gains if g is not None) == pytest.approx(row.mean("Delta_MTL (%)"))


def test_cost_of_the_teachers_is_that_of_all_of_them(tmp_path: Path) -> None:
    write_teachers(tmp_path)  # 1 M parameters and 10 images a second each
    single = one(tmp_path).rows[0]
    assert single.mean("parameters (M)") == pytest.approx(3.0)
    assert single.mean("images/s") == pytest.approx(10 / 3)


def test_gflop_is_the_published_one_and_a_sum_over_layers() -> None:
    about = {"task_configs": TASKS, "dataset": {"size": [288, 384]}}
    segnet = {"_target_": "segnet", "filters": [64, 128, 256, 512, 512]}
    assert gflop(about | {"model": segnet}) == pytest.approx(137.2, abs=0.05)
    small = {"_target_": "small", "filters": [2, 3]}
    about = {"task_configs": {"depth": TASKS["depth"]}, "dataset": {"size": [16, 16]}, "model": small}
    half, quarter = 8 * 8, 4 * 4
    layers = half * 9 * (3 * 2 + 2 * 2) + quarter * 9 * (2 * 3 + 3 * 3)  # encoder
    layers += half * 9 * (5 * 2) + half * (9 * 2 * 2 + 2 * 4)  # decoder, head
    assert gflop(about) == pytest.approx(2 * layers / 1e9)


@pytest.mark.parametrize(
    "model", [None, {"_target_": "os.system", "command": "true"}, {"_target_": "small", "gone": 1}]
)
def test_gflop_of_what_cannot_be_built_is_unknown(model: Any) -> None:
    assert gflop({"task_configs": TASKS, "dataset": {"size": [32, 32]}, "model": model}) is None


def test_a_student_of_fewer_tasks_is_named_so_and_compared_on_its_own_tasks(tmp_path: Path) -> None:
    write_teachers(tmp_path)
    write_run(tmp_path, "all", student(0.4552))
    two = {task: TASKS[task] for task in ("semantic", "depth")}
    results = {key: value for key, value in student(0.4552).items() if not key.startswith("normal/")}
    write_run(tmp_path, "two", results, task_configs=two)
    deltas = {row.method: row.mean("Delta_MTL (%)") for row in one(tmp_path).rows}
    gain = 100 * (0.4552 / 0.4054 - 1)
    assert deltas["multi-task"] == pytest.approx(gain / 3)
    assert deltas["multi-task, semantic and depth alone"] == pytest.approx(gain / 2)
