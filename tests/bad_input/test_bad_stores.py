"""A store that contradicts itself is refused when it is opened, and never replaced when it is something else."""

import shutil
from pathlib import Path

import pytest

from src.data.sources.nyuv2 import open_nyuv2
from src.data.store.pack import pack
from src.data.store.reader import PackedStore
from src.foundation.errors import UserError
from tests.bad_input.harness import SIZES, Case, write_valid
from tests.bad_input.store_cases import CASES

USUAL = 4
"""Of so many cases one is tried in the default suite, all of them in the long one."""


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole store."""
    root = tmp_path_factory.mktemp("whole")
    write_valid("pictures", root / "source")
    return pack(open_nyuv2(str(root / "source")), root / "nyuv2-48x64", SIZES["nyuv2"], 0, "nyuv2").root


@pytest.mark.parametrize(
    "case",
    [pytest.param(case, marks=[pytest.mark.long] if i % USUAL else [], id=str(case)) for i, case in enumerate(CASES)],
)
def test_bad_stores(case: Case, whole: Path, tmp_path: Path) -> None:
    root = shutil.copytree(whole, tmp_path / "nyuv2-48x64")
    PackedStore.open(root)
    case.harm(root)
    with pytest.raises(UserError) as error:
        PackedStore.open(root)
    message = str(error.value)
    assert all(word in message for word in case.words), message
    assert str(root) in message
    assert "mend:" in message


def a_file(root: Path) -> None:
    root.parent.mkdir(parents=True)
    root.write_text("a letter")


def below_a_file(root: Path) -> None:
    root.parent.write_text("a letter")


def a_folder_of_ones_own(root: Path) -> None:
    (root / "holiday").mkdir(parents=True)
    (root / "holiday" / "beach.jpg").write_text("a picture")


def a_link_to_itself(root: Path) -> None:
    root.parent.mkdir(parents=True)
    root.symlink_to(root.name)


def an_unfinished_store_that_is_a_file(root: Path) -> None:
    root.parent.mkdir(parents=True)
    root.with_name(f"{root.name}.partial").write_text("a letter")


@pytest.mark.parametrize(
    "occupy", [a_file, below_a_file, a_folder_of_ones_own, a_link_to_itself, an_unfinished_store_that_is_a_file]
)
def test_what_is_no_store_is_not_replaced(occupy, whole: Path, tmp_path: Path) -> None:
    root = tmp_path / "data" / "nyuv2-48x64"
    occupy(root)
    before = sorted((path, path.is_file() and path.read_bytes()) for path in tmp_path.rglob("*"))
    with pytest.raises(UserError) as error:
        pack(open_nyuv2(str(whole.parent / "source")), root, SIZES["nyuv2"], 0, "nyuv2")
    assert str(root.parent) in str(error.value)
    after = sorted((path, path.is_file() and path.read_bytes()) for path in tmp_path.rglob("*"))
    assert [entry for entry in after if not entry[0].name.endswith(".lock")] == before
