"""Every notebook runs from its first cell to its last on a student that was just trained."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import REPOSITORY, Workspace

NOTEBOOKS = sorted((REPOSITORY / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs(trained: Workspace, monkeypatch: pytest.MonkeyPatch, notebook: Path) -> None:
    trained.train("stage=student")
    monkeypatch.chdir(trained.root)
    cells = json.loads(notebook.read_text())["cells"]
    space: dict[str, Any] = {}
    for cell in cells:
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), notebook.name, "exec"), space)
    assert space["panel"].width > 100
    values = [value for levels in space["similarity"].values() for value in levels.values()]
    assert len(values) == 6
    assert all(0 <= value <= 1 for value in values)
