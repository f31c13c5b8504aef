"""Each kind of bad data ends in one clear message and without a store; what only looks odd is stored."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from src.data.store.reader import PackedStore
from src.foundation.errors import UserError
from tests.bad_input.archive_cases import CASES as OF_ARCHIVES
from tests.bad_input.array_cases import CASES as OF_ARRAYS
from tests.bad_input.harness import Case, dataset_of, try_to_prepare, write_valid
from tests.bad_input.mat_cases import CASES as OF_MAT
from tests.bad_input.picture_cases import CASES as OF_PICTURES
from tests.conftest import Workspace

CASES = [*OF_PICTURES, *OF_ARRAYS, *OF_MAT, *OF_ARCHIVES]
USUAL = 7
"""Of so many cases one is tried in the default suite, all of them in the long one."""
ON_THE_COMMAND_LINE = ("0001 = 0002", "accept=[depth_range]", "two files named", "not a whole zip", "Python objects")
"""Words of the cases of which each is also tried as a process."""


@pytest.fixture(scope="session")
def valid(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Valid data of each form, written once."""
    root, written = tmp_path_factory.mktemp("valid"), {}

    def of(form: str) -> Path:
        if form not in written:
            written[form] = root / form.replace(" ", "-")
            write_valid(form, written[form])
        return written[form]

    return of


@pytest.mark.parametrize(
    "case",
    [pytest.param(case, marks=[pytest.mark.long] if i % USUAL else [], id=str(case)) for i, case in enumerate(CASES)],
)
def test_bad_sources(case: Case, valid: Callable[[str], Path], tmp_path: Path) -> None:
    source, root = tmp_path / "source", tmp_path / "data" / "x-48x64"
    shutil.copytree(valid(case.form), source)
    case.harm(source)
    if not case.words:
        try_to_prepare(case, source / case.source, root)
        PackedStore.open(root).verify()
        return
    with pytest.raises(UserError) as error:
        try_to_prepare(case, source / case.source, root)
    message = str(error.value)
    assert all(word in message for word in case.words), message
    assert "Traceback" not in message
    assert not root.exists()


@pytest.mark.long
@pytest.mark.parametrize("words", ON_THE_COMMAND_LINE)
def test_the_command_line_says_so_too(words: str, valid: Callable[[str], Path], workspace: Workspace) -> None:
    case = next(case for case in CASES if any(words in word for word in case.words))
    source = workspace.root / "source"
    shutil.copytree(valid(case.form), source)
    case.harm(source)
    name, (height, width) = dataset_of(case.form)
    options = [f"dataset.source.{key}={value}" for key, value in case.options.items()]
    options += ["dataset.source.subset=true"] if name == "cityscapes" else []
    result = workspace.run(
        "prepare", f"dataset={name}", f"source={source}", f"dataset.size=[{height},{width}]", *options
    )
    assert result.code == 1
    assert all(word in result.out for word in case.words), result.out
    assert result.out.count("error: ") == 1
    assert "Traceback" not in result.out
    assert not (workspace.root / "data" / f"{name}-{height}x{width}").exists()
