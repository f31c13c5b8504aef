"""The formats of a comparison: escaping, LaTeX, the page, its curves and pictures."""

import base64
import csv
import io
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
from PIL import Image
from rich.console import Console

from src.reporting.curves import curves
from src.reporting.latex import latex
from src.reporting.markdown import markdown
from src.reporting.page import page
from src.reporting.pictures import side_by_side
from src.reporting.tables import as_csv, best, caption, rich_table
from tests.reporting.written_runs import (
    SINGLE,
    one,
    student,
    tables,
    write_history,
    write_picture,
    write_run,
    write_teachers,
)

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
    write_run(tmp_path, "mean10", student(), {"protocol": "mean10"})
    comparisons = tables(tmp_path)
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
