"""The comparison: numbers against hand-computed ones, spreads, newest runs, and the command."""

import base64
import csv
import io
import re
import statistics
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from src.foundation.files import write_json
from src.reporting.collect import Comparison, compare
from src.reporting.cost import gflop
from src.reporting.curves import curves
from src.reporting.latex import latex
from src.reporting.page import page
from src.reporting.pictures import side_by_side
from src.reporting.tables import as_csv, best, caption, markdown, rich_table
from src.runs.record import find_runs
from tests.conftest import Workspace

TASKS = {
    "semantic": {"_target_": "semantic", "classes": 13},
    "depth": {"_target_": "depth", "unit": "m"},
    "normal": {"_target_": "normal"},
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


def test_runs_with_fewer_labels_stand_in_a_table_of_their_own(tmp_path: Path) -> None:
    write_run(tmp_path, "all", student(0.4))
    write_run(tmp_path, "one", student(0.3), supervision="one")
    settings = [comparison.setting.dataset for comparison in compare(list(find_runs(tmp_path)))]
    assert len(settings) == 2
    assert [setting for setting in settings if setting.endswith("one task's label each")]


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


NASTY = '<script>alert(1)</script> & "a" | 50%_$ [red]\\ {x}'
VOID = {"meta", "img", "rect", "path", "circle", "polyline"}


class Strict(HTMLParser):
    """Collects elements and text, and fails where tags do not match."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def write_history(run: Path, **columns: list[float]) -> None:
    """Write metrics.csv; keys have _ for /, and a NaN stands for an empty cell."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["epoch", *(key.replace("__", "/") for key in columns)])
    for epoch, values in enumerate(zip(*columns.values(), strict=True)):
        writer.writerow([epoch, *("" if np.isnan(value) else value for value in values)])
    (run / "metrics.csv").write_text(text.getvalue())


def write_picture(run: Path, epoch: int, name: str, size: tuple[int, int], colour: str) -> None:
    folder = run / "pictures" / f"epoch_{epoch:03d}"
    folder.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(folder / name)


def one(root: Path) -> Comparison:
    (comparison,) = compare(list(find_runs(root)))
    return comparison


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


def test_the_best_of_a_column_follows_its_direction(tmp_path: Path) -> None:
    write_run(tmp_path, "1", student(0.50, 0.5), label="a")
    write_run(tmp_path, "2", student(0.40, 0.4), label="b")
    comparison = one(tmp_path)
    assert best(comparison, "semantic/miou") == "0.5000"
    assert best(comparison, "depth/absolute_error") == "0.4000"
    assert best(comparison, "parameters (M)") is None
    text = latex(comparison)
    assert r"\textbf{0.5000} & 0.5000" in text
    assert r"0.4000 & \textbf{0.4000}" in text


def test_names_are_escaped_in_every_format(tmp_path: Path) -> None:
    write_teachers(tmp_path)
    write_run(tmp_path, "student", student(), label=NASTY)
    write_history(tmp_path / "student", train__loss__depth=[2.0, 1.0])
    write_picture(tmp_path / "student", 1, "image_0.png", (40, 20), "red")
    comparison = one(tmp_path)
    html = Strict(page([comparison], 1))
    assert len(html.all("script")) == 1  # the page's own
    assert NASTY in html.words
    assert NASTY in {attributes.get("data-value") for attributes in html.all("th")}
    tex = latex(comparison)
    assert r"alert(1)\textless{}/script\textgreater{} \& " in tex
    assert r"\textbar{} 50\%\_\$ [red]\textbackslash{} \{x\}" in tex
    assert "images/s" in tex
    row = next(line for line in markdown(comparison).splitlines() if "alert" in line)
    assert len(re.findall(r"(?<!\\)\|", row)) == len(re.findall(r"\|", markdown(comparison).splitlines()[2]))
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(rich_table(comparison))
    assert "[red]" in console.export_text()
    assert NASTY in {line["method"] for line in csv.DictReader(io.StringIO(as_csv([comparison])))}


def test_latex_rows_have_as_many_cells_as_columns(tmp_path: Path) -> None:
    write_teachers(tmp_path)
    write_run(tmp_path, "student", student())
    text = latex(one(tmp_path))
    for table in text.split(r"\end{table}")[:-1]:
        columns = re.search(r"\\begin\{tabular\}\{(\w+)\}", table)
        rows = [line for line in table.splitlines() if line.endswith(r"\\")]
        assert columns
        assert {len(re.split(r"(?<!\\)&", row)) for row in rows} == {len(columns[1])}
        assert len(rows) == 3
    assert "protocol last" in text


def test_curves_are_means_over_seeds_and_skip_what_was_not_logged(tmp_path: Path) -> None:
    nan = float("nan")
    for seed, first in enumerate((1.0, 3.0)):
        write_run(tmp_path, str(seed), student(), seed=seed)
        write_history(tmp_path / str(seed), train__loss__depth=[first, 1.0], val__depth__absolute_error=[nan, first])
    (tmp_path / "0" / "notes.csv").write_text("no history")
    row = one(tmp_path).rows[1]
    assert curves(row) == {"train/loss/depth": [(1, 2.0), (2, 1.0)], "val/depth/absolute_error": [(2, 2.0)]}
    (tmp_path / "0" / "metrics.csv").unlink()
    assert curves(row)["train/loss/depth"] == [(1, 3.0), (2, 1.0)]


def test_pictures_are_the_last_ones_and_teachers_are_stacked(tmp_path: Path) -> None:
    write_teachers(tmp_path)
    write_run(tmp_path, "student", student())
    for task, colour in zip(SINGLE, ("red", "lime", "blue"), strict=True):
        write_picture(tmp_path / f"teacher-{task}-0", 5, "image_3.png", (40, 20), colour)
    for epoch, colour in ((999, "black"), (1000, "yellow")):
        write_picture(tmp_path / "student", epoch, "image_3.png", (1280, 640), colour)
    write_picture(tmp_path / "student", 1000, "image_9.png", (10, 10), "yellow")
    (tmp_path / "student" / "pictures" / "epoch_1000" / "image_9.png").write_bytes(b"broken")
    shown = side_by_side(one(tmp_path).rows, 2)
    assert list(shown) == ["image_3", "image_9"]
    assert shown["image_9"] == []
    pictures = {method: decode(uri) for method, uri in shown["image_3"]}
    teachers, student_ = pictures["single task (teachers)"], pictures["multi-task"]
    assert teachers.shape == (60, 40, 3)
    np.testing.assert_allclose(teachers[[10, 30, 50], 20], np.eye(3) * 255, atol=12)
    assert student_.shape == (320, 640, 3)
    np.testing.assert_allclose(student_[100, 100], [255, 255, 0], atol=12)


def decode(uri: str) -> np.ndarray:
    head, _, data = uri.partition(",")
    assert head == "data:image/jpeg;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data)))).astype(int)


def test_the_page_is_whole_and_needs_nothing_beside_itself(tmp_path: Path) -> None:
    for seed in (0, 1):
        write_teachers(tmp_path, seed)
        write_run(tmp_path, f"student-{seed}", student(0.45), seed=seed)
        write_history(tmp_path / f"student-{seed}", train__loss__depth=[2.0, 1.0], val__depth__absolute_error=[3.0, 2])
        write_picture(tmp_path / f"student-{seed}", 5, "image_0.png", (40, 20), "red")
    write_run(tmp_path, "mean10", student(), protocol="mean10")
    comparisons = compare(list(find_runs(tmp_path)))
    text = page(comparisons, 2)
    html = Strict(text)
    assert not re.search(r"""https?:|(?:src|href)=["']?//|@import|url\(""", text)
    assert not html.all("link")
    assert all((attributes["src"] or "").startswith("data:image/jpeg") for attributes in html.all("img"))
    assert len(html.all("section")) == 2
    for comparison in comparisons:  # the setting and its protocol stand at both tables
        assert text.count(caption(comparison)) == 2
    values = [attributes.get("data-value") for attributes in html.all("td")]
    assert "0.45" in values
    assert [c for c in html.all("g") if c.get("class") == "curve"]
    assert "0.4500" in {word.strip() for word in html.words}


def test_equal_and_extreme_curves_are_drawn(tmp_path: Path) -> None:
    for name, values in (("a", [1.0, 1.0]), ("b", [1e-30, 0.0]), ("c", [-5.0, 1e12])):
        root = tmp_path / name
        write_run(root, "student", student())
        write_history(root / "student", train__loss__depth=values)
        html = Strict(page([one(root)], 1))
        (line,) = html.all("polyline")
        points = [[float(v) for v in pair.split(",")] for pair in (line["points"] or "").split()]
        assert np.isfinite(points).all()
        assert all(0 <= x <= 400 and 0 <= y <= 214 for x, y in points)
