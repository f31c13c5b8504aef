"""Each kind of bad data ends in one clear message and without a store; what only looks odd is stored."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from src.data.store.reader import PackedStore
from src.foundation.errors import UserError
from tests.bad_input.archive_cases import CASES as OF_ARCHIVES
from tests.bad_input.array_cases import CASES as OF_ARRAYS
from tests.bad_input.harness import Case, try_to_prepare, write_valid
from tests.bad_input.mat_cases import CASES as OF_MAT
from tests.bad_input.picture_cases import CASES as OF_PICTURES

CASES = [*OF_PICTURES, *OF_ARRAYS, *OF_MAT, *OF_ARCHIVES]


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


@pytest.mark.parametrize("case", CASES, ids=str)
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
