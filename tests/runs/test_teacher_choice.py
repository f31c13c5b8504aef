"""Which of several trained teachers a student takes, and what it says of the one it took."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import TINY, Result, Workspace, read_json

STUDENT = ("stage=student", "tasks=[semantic,depth]", "teacher.semantic=none", "pictures.count=0")


def teacher(space: Workspace, *options: str) -> Path:
    return space.train("stage=teacher", "task=depth", "pictures.count=0", *options)


@pytest.fixture(scope="module")
def teachers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Teachers of depth, the one that most students should have first, and later ones that differ from it."""
    space = Workspace(tmp_path_factory.mktemp("teachers"), str)
    found = {"usual": teacher(space, "trainer.max_epochs=2")}
    found["long"] = teacher(space, "trainer.max_epochs=4")
    found["other rate"] = teacher(space, "trainer.max_epochs=2", "optimiser.lr=0.02")
    found["other batch"] = teacher(space, "trainer.max_epochs=2", "dataset.batch_size=3")
    found["trial"] = teacher(space, "trainer.max_epochs=1")
    return found


@pytest.fixture
def space(teachers: dict[str, Path], captured: Callable[[], str]) -> Workspace:
    return Workspace(teachers["usual"].parents[2], captured)


def taken(space: Workspace, *options: str) -> tuple[Path, Result]:
    before = set(space.runs())
    result = space.call("train", *TINY, *STUDENT, *options)
    assert result.code == 0, result.out
    (run,) = set(space.runs()) - before
    return Path(read_json(run / "run.json")["teachers"]["depth"]), result


def line_of(result: Result) -> str:
    return next(line for line in result.out.splitlines() if line.startswith("  depth: "))


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["trainer.max_epochs=2"], "usual"),
        (["trainer.max_epochs=2", "optimiser.lr=0.02"], "other rate"),
        (["trainer.max_epochs=2", "dataset.batch_size=3"], "other batch"),
        (["trainer.max_epochs=1"], "trial"),
        (["trainer.max_epochs=3"], "long"),
        (["trainer.max_epochs=2", "schedule=constant"], "long"),
    ],
    ids=str,
)
def test_the_teacher_trained_like_the_student_is_taken_else_the_longest_trained(
    space: Workspace, teachers: dict[str, Path], options: list[str], expected: str
) -> None:
    where, result = taken(space, *options)
    assert where == teachers[expected]
    results = read_json(where / "metrics.json")["metrics"]
    assert f"absolute_error {results['depth/absolute_error']:.4g}" in line_of(result)
    epochs = read_json(where / "run.json")["epochs"]
    assert f"({epochs} epoch" in line_of(result)
    assert ("trained otherwise" in line_of(result)) == (expected == "long")
    if expected == "long":
        wanted = "trainer.max_epochs 4, not 3" if "trainer.max_epochs=3" in options else "schedule._target_ cosine"
        assert wanted in line_of(result)


def test_the_newest_of_equal_teachers_is_taken(space: Workspace) -> None:
    again = teacher(space, "trainer.max_epochs=2", "augmentation=none")
    assert taken(space, "trainer.max_epochs=2", "augmentation=none")[0] == again
    newer = teacher(space, "trainer.max_epochs=2", "augmentation=none")
    assert taken(space, "trainer.max_epochs=2", "augmentation=none")[0] == newer


def test_a_teacher_that_is_not_whole_serves_only_where_it_is_named(workspace: Workspace) -> None:
    run = teacher(workspace)
    for status in ("partial", "interrupted", "diverged", "failed"):
        record = read_json(run / "run.json") | {"status": status, "training": {"epochs": 1, "planned_epochs": 9}}
        (run / "run.json").write_text(json.dumps(record | {"epochs": 9}))
        refused = workspace.call("train", *TINY, *STUDENT)
        assert refused.code == 1
        assert "1 of 9 epochs" in refused.out
        where, result = taken(workspace, f"teacher.depth={run}")
        assert where == run
        assert "1 of 9 epochs" in line_of(result)
