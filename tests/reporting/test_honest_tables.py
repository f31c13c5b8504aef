"""What may stand in one table, in one row, and against which teachers; nothing strange costs the report."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from src.reporting.collect import compare, usable
from src.reporting.markdown import markdown
from src.reporting.tables import explanations
from src.runs.record import find_runs, search
from tests.conftest import Workspace
from tests.reporting.written_runs import SINGLE, one, student, tables, write_run, write_teachers

DELTA = "Delta_MTL (%)"
SETTINGS: list[dict[str, Any]] = [
    {"optimiser": {"lr": 0.01}},
    {"optimiser": {"_target_": "adamw", "weight_decay": 0.01}},
    {"schedule": {"_target_": "constant"}},
    {"augmentation": {"flip": 0.5}},
    {"dataset": {"batch_size": 4}},
    {"dataset": {"content": "other"}},
    {"trainer": {"precision": "bf16-mixed"}},
    {"trainer": {"accumulate_grad_batches": 2}},
    {"trainer": {"processes": 4}},
    {"model": {"filters": [4, 6, 8, 9]}},
]
METHODS: list[dict[str, Any]] = [
    {"distillation": {"output_weight": 1}},
    {"distillation": {"adaptor_optimiser": {"lr": 0.01}}},
    {"adaptor": {"_target_": "mlp", "hidden": 3}},
    {"loss_weights": {"_target_": "fixed", "weights": {"depth": 2}}},
    {"tasks": {"depth": {"loss": "l2"}}},
]
DISTILLED = {"distillation": "matched"}
OFFLINE = {"distillation": {"_target_": "offline"}}


def methods(root: Path) -> list[str]:
    return [row.method for row in one(root).rows if not row.reference]


@pytest.mark.parametrize("other", SETTINGS, ids=str)
def test_training_settings_are_part_of_a_setting(tmp_path: Path, other: dict[str, Any]) -> None:
    write_run(tmp_path, "1", student())
    write_run(tmp_path, "2", student(), other)
    first, second = tables(tmp_path)
    assert first.setting != second.setting


@pytest.mark.parametrize("other", METHODS, ids=str)
def test_what_the_method_changes_is_another_row_of_the_same_table(tmp_path: Path, other: dict[str, Any]) -> None:
    write_run(tmp_path, "1", student(), OFFLINE, names=DISTILLED)
    write_run(tmp_path, "2", student(), {**OFFLINE, **other}, names=DISTILLED)
    assert len(set(methods(tmp_path))) == 2


def test_a_value_equal_to_its_default_makes_no_second_row(tmp_path: Path) -> None:
    write_run(tmp_path, "1", student(0.1), OFFLINE, names=DISTILLED)
    same = {"distillation": {"_target_": "offline", "temperature": 4.0, "output_weight": 0}}
    write_run(tmp_path, "2", student(0.2), same, names=DISTILLED)
    comparison = one(tmp_path)
    assert comparison.rows[-1].values["semantic/miou"] == [0.2]
    assert [row.method for row in comparison.rows[1:]] == ["distilled (matched)"]
    assert compare(usable(list(find_runs(tmp_path))))[1] == [f"{tmp_path / '1'}: trained again, as {tmp_path / '2'}"]


def test_rows_are_named_by_what_tells_them_apart_as_short_as_it_can_be(tmp_path: Path) -> None:
    def run(name: str, **values: Any) -> None:
        flat = {f"distillation.{key.replace('__', '.')}": value for key, value in values.items()}
        nested = {"_target_": "offline"} | {
            key: value if "__" not in key else {} for key, value in values.items() if "__" not in key
        }
        if "adaptor_optimiser__lr" in values:
            nested["adaptor_optimiser"] = {"lr": values["adaptor_optimiser__lr"]}
        write_run(tmp_path, name, student(), {"distillation": nested}, names=DISTILLED, changed=flat)

    run("1", output_weight=1)
    run("2", output_weight=1, temperature=2)
    run("3", output_weight=1, adaptor_optimiser__lr=0.01)
    write_run(tmp_path, "4", student())
    comparison = one(tmp_path)
    assert comparison.common == "output_weight=1"
    assert {row.method for row in comparison.rows[1:]} == {
        "multi-task",
        "distilled (matched)",
        "distilled (matched) [temperature=2]",
        "distilled (matched) [adaptor_optimiser.lr=0.01]",  # lr alone might be the network's
    }


def test_rows_stand_in_the_order_of_their_gain(tmp_path: Path) -> None:
    write_teachers(tmp_path)
    for name, miou in (("low", 0.3), ("high", 0.5), ("middle", 0.4)):
        write_run(tmp_path, name, student(miou), label=name)
    write_run(tmp_path, "none", {**student(), "semantic/miou": None}, label="none")
    assert methods(tmp_path) == ["high", "middle", "low", "none"]


def test_a_student_is_compared_with_the_teachers_it_used_wherever_they_lie_now(tmp_path: Path) -> None:
    used = write_teachers(tmp_path / "a")
    digests = {task: f"digest of teacher-{task}-0" for task in used}
    write_run(tmp_path, "s", student(0.4552), OFFLINE, names=DISTILLED, teachers=used, teacher_runs=digests)
    for other in ({"optimiser": {"lr": 0.5}}, {}):  # of other settings, and newer ones of the same
        for task in SINGLE:
            results = {f"{task}/{key}": 9.0 for key in SINGLE[task]}
            name = f"z-{task}-{len(other)}"
            write_run(tmp_path, name, results, other, stage="teacher", task=task, digest=name)
    shutil.move(tmp_path / "a", tmp_path / "b")
    row = next(row for table in tables(tmp_path) for row in table.rows if row.method.startswith("distilled"))
    assert row.mean(DELTA) == pytest.approx(100 * (0.4552 / 0.4054 - 1) / 3)


def test_teachers_that_were_recorded_relatively_are_found_by_their_names(tmp_path: Path) -> None:
    used = write_teachers(tmp_path / "place" / "runs")
    relative = {task: str(Path("runs") / Path(path).name) for task, path in used.items()}
    write_run(tmp_path / "place" / "runs", "s", student(0.4552), OFFLINE, names=DISTILLED, teachers=relative)
    row = one(tmp_path).rows[-1]
    assert row.method == "distilled (matched)"
    assert row.mean(DELTA) == pytest.approx(100 * (0.4552 / 0.4054 - 1) / 3)


def test_a_baseline_is_compared_with_the_teachers_of_its_settings_and_seed(tmp_path: Path) -> None:
    write_teachers(tmp_path)
    write_teachers(tmp_path, name="other", configuration={"optimiser": {"lr": 0.5}})
    write_run(tmp_path, "s", student(0.4552))
    write_run(tmp_path, "t", student(0.4552), {"optimiser": {"lr": 0.9}})
    found = {table.setting.training.split(",")[0]: table.rows[-1] for table in tables(tmp_path)}
    assert found["adam (lr 0.002)"].mean(DELTA) == pytest.approx(100 * (0.4552 / 0.4054 - 1) / 3)
    lonely = found["adam (lr 0.9)"]
    assert lonely.mean(DELTA) is None
    (why,) = [line for line in lonely.explanations([DELTA])]
    assert str(tmp_path / "teacher-semantic-0") in why
    assert str(tmp_path / "other-semantic-0") in why


def test_several_teachers_of_the_same_settings_are_told_not_chosen_from(tmp_path: Path) -> None:
    write_teachers(tmp_path)
    tasks = [{"_target_": "depth", "unit": "m", "loss": kind} for kind in ("l2", "huber")]
    for i, depth in enumerate(tasks):
        results = {f"depth/{key}": value for key, value in SINGLE["depth"].items()}
        about: dict[str, Any] = {"stage": "teacher", "task": "depth", "configuration": {"tasks": {"depth": depth}}}
        write_run(tmp_path, f"depth-{i}", results, **about)
    write_run(tmp_path, "same", student(0.4552), label="same")
    other = {"tasks": {"depth": {"_target_": "depth", "unit": "m", "loss": "other"}}}
    write_run(tmp_path, "other", student(), other, label="other")
    rows = {row.method: row for row in one(tmp_path).rows}
    assert rows["same"].mean(DELTA) is not None
    (why,) = [line for line in rows["other"].explanations([DELTA])]
    assert "several teachers of depth" in why
    assert all(str(tmp_path / name) in why for name in ("depth-0", "depth-1", "teacher-depth-0"))


def test_teachers_of_other_settings_make_another_method_and_stand_in_the_table(tmp_path: Path) -> None:
    plain, long = (
        write_teachers(tmp_path),
        write_teachers(tmp_path, name="long", configuration={"optimiser": {"lr": 1}}),
    )
    for name, used, differs in (("1", plain, {}), ("2", long, {"optimiser.lr": 1})):
        write_run(
            tmp_path, name, student(), OFFLINE, names=DISTILLED, teachers=used,
            teacher_differences=dict.fromkeys(used, differs),
        )  # fmt: skip
    table = next(table for table in tables(tmp_path) if len(table.rows) > 1)
    assert [row.method for row in table.rows] == [
        "single task (teachers)",
        "single task (teachers): optimiser.lr=1",
        "distilled (matched)",
        "distilled (matched) [teacher.optimiser.lr=1]",
    ]


@pytest.mark.parametrize("value", [None, 0.0, float("nan"), float("inf"), "1e999"], ids=str)
@pytest.mark.parametrize("whose", ["teacher", "student"])
def test_a_strange_metric_costs_no_more_than_what_needs_it(
    tmp_path: Path, value: float | str | None, whose: str
) -> None:
    used = write_teachers(tmp_path)
    write_run(tmp_path, "s", student(), label="strange")
    write_run(tmp_path, "t", student(0.4552), label="sound")
    file = (Path(used["depth"]) if whose == "teacher" else tmp_path / "s") / "metrics.json"
    content = json.loads(file.read_text())
    content["metrics"]["depth/absolute_error"] = value
    # bare NaN, as earlier versions wrote it, and a number that is beyond all floats
    file.write_text(json.dumps(content).replace('"1e999"', "1e999"))
    comparison = one(tmp_path)
    rows = {row.method: row for row in comparison.rows}
    gain = rows["sound"].mean("gain of semantic (%)")
    assert gain == pytest.approx(100 * (0.4552 / 0.4054 - 1))
    computable = whose == "student" and value == 0.0
    assert (rows["strange"].mean(DELTA) is not None) == computable
    assert (rows["sound"].mean(DELTA) is not None) == (whose == "student")
    assert bool(explanations(comparison)) != computable
    assert ('What "-" stands for' in markdown(comparison)) != computable


BROKEN = ["status", "stage", "task_configs", "model", "dataset", "names", "seed", "epochs", "protocol", "started"]


@pytest.mark.parametrize("value", ["gone", None, 3.5, "text", [], {}, -1], ids=str)
@pytest.mark.parametrize("key", BROKEN)
def test_a_broken_record_is_left_out_by_name(tmp_path: Path, key: str, value: Any) -> None:
    write_run(tmp_path, "sound", student())
    write_run(tmp_path, "strange", student())
    file = tmp_path / "strange" / "run.json"
    record = json.loads(file.read_text())
    record[key] = value
    if value == "gone":
        del record[key]
    file.write_text(json.dumps(record))
    found = search(tmp_path)
    comparisons, left_out = compare(usable(found.runs))
    (line,) = [line for line in [*found.unusable, *left_out] if "trained again" not in line] or [""]
    accepted = (key, value) in (("started", "text"), ("model", {}))
    assert line.startswith(str(tmp_path / "strange")) or accepted
    assert [row for row in comparisons[0].rows if row.runs]


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", "3", '"a"', "[" * 100_000, "\udcff"], ids=lambda text: text[:5]
)
@pytest.mark.parametrize("file", ["run.json", "metrics.json"])
def test_a_broken_file_is_left_out_by_name(workspace: Workspace, file: str, text: str) -> None:
    runs, out = workspace.root / "runs", workspace.root / "out"
    write_teachers(runs)
    write_run(runs, "strange", student(), label="strange")
    write_run(runs, "sound", student(), label="sound")
    (runs / "strange" / file).write_bytes(text.encode(errors="surrogateescape"))
    result = workspace.call("report", f"runs={runs}", f"out={out}")
    assert result.code == 0, result.out
    assert "Traceback" not in result.out
    for written in (result.out, (out / "comparison.md").read_text(), (out / "comparison.html").read_text()):
        assert "sound" in written
        assert str(runs / "strange") in written


@pytest.mark.parametrize("status", ["partial", "interrupted", "diverged", "running"])
def test_a_run_that_is_not_whole_counts_only_where_it_is_named(workspace: Workspace, status: str) -> None:
    runs = workspace.root / "runs"
    write_run(runs, "whole", student())
    trained = {"epochs": 2, "planned_epochs": 5, "ended": "max_time"}
    short = write_run(runs, "short", student(), label="short", status=status, training=trained)
    left = workspace.call("report", f"runs={runs}", f"out={workspace.root / 'out'}").out
    assert "2 of 5 epochs" in next(line for line in left.splitlines() if str(short) in line)
    named = workspace.call("report", f"runs=[{runs},{short}]", f"out={workspace.root / 'out'}")
    assert "left out" not in named.out
    table = (workspace.root / "out" / "comparison.md").read_text()
    assert "| short (" in table
    assert "2 of 5 epochs" in table
    assert named.code == 0
