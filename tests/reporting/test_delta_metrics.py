"""Delta_MTL of chosen metrics, such as the headline metrics of papers on transformers."""

from pathlib import Path
from typing import Any

import pytest

from src.foundation.errors import UserError
from src.modalities.known import EDGES, SALIENCY
from src.reporting.collect import compare, usable
from src.reporting.latex import latex
from src.reporting.markdown import markdown
from src.reporting.page import page
from src.reporting.rows import Comparison, Row
from src.reporting.tables import caption, explanations
from src.runs.record import find_runs
from tests.conftest import Workspace
from tests.reporting.written_runs import FORMER_TASKS, TASKS, student, task, write_run, write_teachers

DELTA = "Delta_MTL (%)"
FIVE = TASKS | {
    "edges": task("binary", EDGES, ["ods_f", "ois_f"]),
    "saliency": task("binary", SALIENCY, ["iou", "max_f"]),
}
OF_TEACHERS = {
    "semantic/miou": 0.4, "depth/absolute_error": 0.5, "depth/rmse": 0.6, "normal/mean_angle": 20.0,
    "edges/ods_f": 0.7, "edges/ois_f": 0.72, "saliency/max_f": 0.8, "saliency/iou": 0.6,
}  # fmt: skip
HEADLINES = ["semantic/miou", "depth/rmse", "normal/mean_angle", "edges/ods_f", "saliency/max_f"]


def compared(root: Path, choice: Any = None) -> Comparison:
    (comparison,) = compare(usable(list(find_runs(root))), choice=choice)[0]
    return comparison


def of(comparison: Comparison, method: str) -> Row:
    (row,) = [row for row in comparison.rows if row.method == method]
    return row


def write_five(root: Path) -> None:
    for name, config in FIVE.items():
        results = {key: value for key, value in OF_TEACHERS.items() if key.startswith(f"{name}/")}
        write_run(root, f"teacher-{name}", results, stage="teacher", task=name, task_configs={name: config})
    better = {"semantic/miou": 0.44, "depth/rmse": 0.57, "normal/mean_angle": 21.0, "edges/ods_f": 0.735}
    write_run(root, "a", OF_TEACHERS | better | {"saliency/max_f": 0.72}, task_configs=FIVE, label="a")
    write_run(root, "b", OF_TEACHERS | {"depth/absolute_error": 0.4}, task_configs=FIVE, label="b")


def test_the_headline_metrics_of_transformer_papers(tmp_path: Path) -> None:
    write_five(tmp_path)
    usual, chosen = compared(tmp_path), compared(tmp_path, HEADLINES)
    assert of(chosen, "a").mean(DELTA) == pytest.approx((10 + 5 - 5 + 5 - 10) / 5)
    assert of(chosen, "b").mean(DELTA) == pytest.approx(0)
    assert of(chosen, "a").mean("gain of depth (%)") == pytest.approx(5)
    assert of(usual, "b").mean(DELTA) == pytest.approx(20 / 5)
    assert [row.method for row in usual.rows[1:]] == ["b", "a"]
    assert [row.method for row in chosen.rows[1:]] == ["a", "b"]  # by the metrics that were chosen
    assert chosen.rows[0].mean(DELTA) == 0


def test_tables_say_which_metrics_were_compared(tmp_path: Path) -> None:
    write_five(tmp_path)
    usual, chosen = compared(tmp_path), compared(tmp_path, {"depth": "rmse"})
    assert "the primary metrics" in caption(usual)
    assert caption(compared(tmp_path, ["semantic/miou"])) == caption(usual)
    told = "gain of semantic/miou, depth/rmse, normal/mean_angle, edges/ods_f, saliency/iou"
    assert told in caption(chosen)
    for text in (markdown(chosen), page([chosen], 0), latex(chosen).replace(r"\_", "_")):
        assert told in text
    assert "depth/rmse" in markdown(chosen).split("| method |")[1].split("Delta_MTL")[0]


@pytest.mark.parametrize("choice", [["depth/rmse"], {"depth": "rmse"}])
def test_a_list_and_a_mapping_are_the_same(tmp_path: Path, choice: Any) -> None:
    write_teachers(tmp_path)
    results = student() | {"depth/rmse": 0.6}
    write_run(tmp_path, "student", results, task_configs=FORMER_TASKS)
    write_run(tmp_path, "present", results, label="present")
    rows = compared(tmp_path, choice).rows[1:]
    assert [row.mean("gain of depth (%)") for row in rows] == [pytest.approx(100 * (1 - 0.6 / 0.9))] * 2


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        (["deepth/rmse"], ("deepth", "depth, normal, semantic")),
        (["depth/rmsee"], ("depth/rmsee", "rmse", "absolute_error")),
        (["rmse"], ("rmse without a task", "delta_metrics=[depth/rmse]")),
        (["depth"], ("TASK/METRIC",)),
        ([""], ("TASK/METRIC",)),
        (["depth/rmse", "depth/delta_1"], ("depth/rmse and depth/delta_1", "one metric each")),
        (["depth/rmse", "depth/rmse"], ("one metric each",)),
        ({"normal": "miou"}, ("normal/miou", "mean_angle")),
        ({"": "miou"}, ("depth, normal, semantic",)),
    ],
)
def test_what_there_is_not_is_refused_with_what_there_is(tmp_path: Path, choice: Any, words: tuple[str, ...]) -> None:
    write_teachers(tmp_path)
    write_run(tmp_path, "student", student())
    with pytest.raises(UserError) as refused:
        compared(tmp_path, choice)
    for word in words:
        assert word in str(refused.value)


def test_a_table_without_the_metric_says_so(tmp_path: Path) -> None:
    write_teachers(tmp_path)
    write_run(tmp_path, "student", student())
    fewer = {**TASKS, "depth": TASKS["depth"] | {"metrics": ["absolute_error"]}}
    streets: Any = {"dataset": {"name": "streets"}}
    write_teachers(tmp_path, name="of-streets", configuration=streets)
    results = {key: value for key, value in student().items() if key != "depth/rmse"}
    write_run(tmp_path, "other", results, streets, task_configs=fewer)
    tables = compare(usable(list(find_runs(tmp_path))), choice=["depth/rmse"])[0]
    (other,) = [table for table in tables if table.setting.dataset.startswith("streets")]
    assert of(other, "multi-task").mean(DELTA) is None
    assert any("no metric depth/rmse" in line for line in explanations(other))
    assert markdown(other)
    assert latex(other)
    assert page(tables, 0)


@pytest.mark.parametrize(("choice", "code"), [("[depth/rmse]", 0), ("{depth: rmse}", 0), ("[depth/x]", 1), ("3", 1)])
def test_the_command_takes_them(workspace: Workspace, choice: str, code: int) -> None:
    runs, out = workspace.root / "runs", workspace.root / "out"
    write_teachers(runs)
    write_run(runs, "student", student())
    result = workspace.call("report", f"runs={runs}", f"out={out}", f"delta_metrics={choice}")
    assert result.code == code, result.out
    assert "Traceback" not in result.out
    assert (out / "comparison.md").exists() == (code == 0)
    if code == 0:
        assert "depth/rmse" in (out / "comparison.md").read_text()


def test_nothing_to_compare_comes_before_unknown_metrics(tmp_path: Path) -> None:
    assert compare(usable([]), choice=["depth/rmse"]) == ([], [])
