"""Scores of single classes in every format of a report, and the colours of classes."""

import csv
import io
import re
from pathlib import Path
from typing import Any

import pytest

from src.modalities.base import Modality
from src.reporting.latex import latex
from src.reporting.markdown import markdown
from src.reporting.page import page
from src.reporting.tables import as_csv, explanations
from tests.conftest import Workspace
from tests.reporting.test_formats import Strict
from tests.reporting.written_runs import (
    FORMER_TASKS,
    TASKS,
    one,
    student,
    task,
    write_classes,
    write_run,
    write_teachers,
)

NASTY = [
    "<script>alert(1)</script>",
    "=cmd|' /C calc'!A0",
    "a|b\\",
    "50%_$ {x}",
    "[red]x[/]",
    "\x1b[31m\n*b*",
]


def tables_of(html: Strict) -> int:
    return len(html.all("table"))


def patch_colours(html: Strict) -> list[str]:
    return re.findall(r"#\w{6}", " ".join(str(each.get("style")) for each in html.all("i")))


def markdown_rows(text: str, first: str) -> list[list[str]]:
    lines = [line for line in text.splitlines() if line.startswith("|")]
    start = next(i for i, line in enumerate(lines) if first in line)
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines[start:]]


def write_scored(root: Path, configs: dict[str, Any] = TASKS, **about: Any) -> None:
    """Write teachers and students of two seeds, with scores of two classes."""
    for seed, iou in ((0, 0.25), (1, 0.75)):
        teachers = write_teachers(root, seed)
        write_classes(Path(teachers["semantic"]), {"semantic/iou/wall": 0.4, "semantic/iou/bed": None})
        run = write_run(root, f"student-{seed}", student(), seed=seed, task_configs=configs, **about)
        write_classes(run, {"semantic/iou/wall": iou, "semantic/iou/bed": iou if seed else None})


def test_means_over_the_seeds_that_have_a_class(tmp_path: Path) -> None:
    write_scored(tmp_path)
    head, _, single, multi = markdown_rows(markdown(one(tmp_path)), "wall")
    colours = dict(zip(TASKS["semantic"]["modality"]["names"], TASKS["semantic"]["modality"]["colours"], strict=True))
    wall = head.index("wall `#{:02x}{:02x}{:02x}`".format(*colours["wall"]))
    bed = next(i for i, name in enumerate(head) if name.startswith("bed "))
    assert (single[wall], single[bed]) == ("0.400", "-")
    assert (multi[wall], multi[bed]) == ("0.500", "0.750")
    html = Strict(page([one(tmp_path)], 0))
    assert "0.500" in {word.strip() for word in html.words}
    values = {line["metric"]: line for line in csv.DictReader(io.StringIO(as_csv([one(tmp_path)])))}
    assert (values["semantic/iou/wall"]["mean"], values["semantic/iou/bed"]["seeds"]) == ("0.5", "1")
    assert r"\textbf{0.500}" in latex(one(tmp_path))


def test_runs_without_scores_have_a_legend_and_no_table(tmp_path: Path) -> None:
    write_teachers(tmp_path)
    write_run(tmp_path, "student", student())
    without = one(tmp_path)
    html = Strict(page([without], 0))
    assert len(patch_colours(html)) == 13
    write_classes(tmp_path / "student", {"semantic/iou/wall": 0.5})
    scored = one(tmp_path)
    assert tables_of(Strict(page([scored], 0))) == tables_of(html) + 1
    assert markdown(scored).startswith(markdown(without))
    assert latex(without).count("{tabular}") < latex(scored).count("{tabular}")


def test_runs_of_earlier_versions_name_their_classes(tmp_path: Path) -> None:
    write_run(tmp_path, "student", student(), task_configs=FORMER_TASKS)
    write_classes(tmp_path / "student", {"semantic/iou/class 3": 0.123})
    assert markdown_rows(markdown(one(tmp_path)), "class 3")[2][4] == "0.123"


@pytest.mark.parametrize("content", ["", "{", "[]", '{"classes": 3}', '{"classes": {"semantic/iou/wall": "x"}}'])
def test_a_damaged_file_costs_no_more_than_its_scores(tmp_path: Path, content: str) -> None:
    write_scored(tmp_path)
    (tmp_path / "student-0" / "classes.json").write_text(content)
    comparison = one(tmp_path)
    assert comparison.rows[-1].values["semantic/miou"] == [0.4054] * 2
    assert comparison.rows[-1].classes["semantic/iou/wall"] == [0.75]
    assert any("classes.json" in line for line in explanations(comparison))


def test_names_of_classes_are_escaped_in_every_format(tmp_path: Path) -> None:
    modality = Modality(name="label", kind="classes", names=tuple(NASTY))
    configs = {"=1+1": task("classes", modality, ["miou"]) | {"name": "=1+1"}, "depth": TASKS["depth"]}
    results = {"=1+1/miou": 0.5, "depth/absolute_error": 0.5}
    run = write_run(tmp_path, "student", results, task_configs=configs)
    write_classes(run, {f"=1+1/iou/{name}": 0.5 for name in NASTY})
    comparison = one(tmp_path)
    text = page([comparison], 0)
    html = Strict(text)
    assert len(html.all("script")) == 1
    assert NASTY[0] in html.words
    head, _, row = markdown_rows(markdown(comparison), "script")
    assert len(head) == len(row) == 1 + len(NASTY)
    assert r"\<script\>" in head[1]
    table = latex(comparison).split(r"\begin{tabular}")[-1]
    columns = re.match(r"\{(\w+)\}", table)
    assert columns
    lines = [line for line in table.splitlines() if line.endswith(r"\\")]
    assert {len(re.split(r"(?<!\\)&", line)) for line in lines} == {len(columns[1])}
    assert r"50\%\_\$ \{x\}" in table
    cells = [cell for line in csv.reader(io.StringIO(as_csv([comparison]))) for cell in line]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "@", "-"))]
    for whole in (text, markdown(comparison), latex(comparison), as_csv([comparison])):
        assert "\x1b" not in whole
        assert whole.encode()


def test_formulas_in_names_of_methods_are_text(tmp_path: Path) -> None:
    for number, label in enumerate(("=1+1", "+1", "-1", "@x", "\t=2")):
        write_run(tmp_path, str(number), student(), label=label)
        (tmp_path / str(number)).rename(tmp_path / f"run-{number}")
        methods = [line["method"] for line in csv.DictReader(io.StringIO(as_csv([one(tmp_path)])))]
        assert {name[0] for name in methods} == {"'"}
        (tmp_path / f"run-{number}" / "run.json").unlink()


def test_of_very_many_classes_those_of_most_pixels_are_shown(tmp_path: Path) -> None:
    names = tuple(f"class {i}" for i in range(5_000))
    configs = {"label": task("classes", Modality(name="label", kind="classes", names=names), ["miou"])}
    run = write_run(tmp_path, "student", {"label/miou": 0.5}, task_configs=configs)
    scores = {f"label/iou/{name}": 0.5 for name in names}
    write_classes(run, scores | {f"label/share/{name}": 1.0 if name == "class 4321" else 1e-4 for name in names})
    text = markdown(one(tmp_path))
    assert "class 4321 " in text
    assert "4900 more" in text
    assert len(page([one(tmp_path)], 0)) < 1e5


def test_the_command_prints_no_control_characters(workspace: Workspace) -> None:
    runs = workspace.root / "runs"
    write_run(runs, "student", student(), label="\x1b[31mred[/]")
    result = workspace.call("report", f"runs={runs}", f"out={workspace.root}/out")
    assert result.code == 0, result.out
    assert "\x1b[31m" not in result.out
