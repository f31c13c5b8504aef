"""The command that checks parts."""

from pathlib import Path

import pytest

from tests.conftest import Workspace

OWN = "tests.contracts.own_parts"
EXTENSION = f"extensions=[{OWN}]"


def test_parts_that_hold_end_with_0(workspace: Workspace) -> None:
    result = workspace.call("check", EXTENSION, f"distance={OWN}.chamfer", "adaptor=linear", "task=depth")
    assert result.code == 0
    lines = result.out.splitlines()
    assert [line for line in lines if not line.startswith(" ")] == [
        "task=depth", "adaptor=linear", f"distance={OWN}.chamfer", lines[-1],
    ]  # fmt: skip
    assert all(line.startswith("  ok  ") for line in lines if line.startswith(" "))
    assert lines[-1] == f"properties: {len(lines) - 4} ok"


@pytest.mark.parametrize(
    ("asked", "expected", "seen", "contract"),
    [
        ("distance=per_pixel", "It returns a finite float32 scalar", "(3, 5, 7) numbers, not one",
         "src/distillation/distances/base.py"),
        ("adaptor=misspelt", "It can be built from its options", "raised TypeError: ",
         "src/distillation/adaptors/base.py"),
        ("task=unflipped", "hflip() moves every pixel to its mirrored position", "pixels are not those of the mirrored",
         "src/tasks/base.py"),
        ("transform=flips_the_image", "It moves image and targets together", "a target that showed the same",
         "src/data/transforms/base.py"),
        ("model=with_a_spare_layer", "Every parameter gets a finite gradient", "trunk.spare.weight is not used",
         "src/models/base.py"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_what_was_seen_and_where_the_contract_is(
    workspace: Workspace, asked: str, expected: str, seen: str, contract: str
) -> None:
    group, name = asked.split("=")
    result = workspace.call("check", EXTENSION, f"{group}={OWN}.{name}")
    assert result.code == 1
    lines = result.out.splitlines()
    place = next(i for i, line in enumerate(lines) if line.startswith(f"  does not hold  {expected}"))
    assert lines[place + 1].startswith("                 seen:     ")
    assert seen in lines[place + 1]
    assert lines[place + 2].startswith(f"                 contract: {contract}:")
    assert lines[-1].startswith("properties: ")
    assert " does not hold" in lines[-1]
    assert "Traceback" not in result.out


def test_the_trace_of_an_exception_is_shown_on_request(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    result = workspace.call("check", EXTENSION, f"adaptor={OWN}.misspelt")
    assert result.code == 1
    assert "Traceback" in result.out
    assert "kernel=1" in result.out
    assert "  does not hold  It can be built from its options" in result.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), ("there is nothing to check",)),
        (("distance=cosin",), ("distance=cosin is unknown", "mend: distance=cosine")),
        (("distance=my_package.mine",), ("'extensions=[my_package]'",)),
        (("adaptor=low_rank", "options={rnk: 4}"), ("there is no key options.rnk", "mend: options.rank=4")),
        (("adaptor=low_rank", "options={rank: 0}"), ("options.rank=0 is not at least 1",)),
        (("adaptor=low_rank", "distance=l1", "options={rank: 4}"), ("options belong to a single part",)),
        (("model=small", "model.filters=[4,6]"), ("model={filters: [4, 6]} is not text",)),
        (("adapter=linear",), ("there is no key adapter", "mend: adaptor=linear")),
    ],
)
def test_what_cannot_be_checked_is_refused(
    workspace: Workspace, arguments: tuple[str, ...], words: tuple[str, ...]
) -> None:
    result = workspace.call("check", *arguments)
    assert result.code == 1
    assert result.out.startswith("error: ")
    for text in words:
        assert text in result.out


def test_options_are_set(workspace: Workspace) -> None:
    result = workspace.call("check", "dataset=rooms", "options={train: 7, test: 3}")
    assert result.code == 0, result.out
    assert "(7 train, 3 test)" in result.out
    result = workspace.call("check", "adaptor=low_rank", "options.rank=3")
    assert result.code == 0, result.out


def test_a_folder_of_ones_own_has_options_too(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "distance").mkdir()
    (tmp_path / "distance" / "sharp.yaml").write_text(f"_target_: {OWN}.chamfer\npower: 4.0\n")
    result = workspace.call("check", "--config-dir", str(tmp_path), EXTENSION, "distance=sharp")
    assert result.code == 0, result.out


def test_a_task_takes_its_options_from_the_dataset_that_is_named_too(workspace: Workspace) -> None:
    result = workspace.call("check", "task=semantic", "dataset=streets")
    assert result.code == 0, result.out
    assert "(semantic, label7, " in result.out


def test_several_parts_are_checked_in_turn(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(workspace.root)
    result = workspace.call("check", "-m", "adaptor=linear,mlp")
    assert result.code == 0, result.out
    assert [line for line in result.out.splitlines() if line.startswith("adaptor")] == ["adaptor=linear", "adaptor=mlp"]


def test_other_commands_have_no_such_groups(workspace: Workspace) -> None:
    result = workspace.call("evaluate", "model=small")
    assert result.code == 1
    assert "there is no key model" in result.out


def test_what_cannot_be_checked_without_another_property_is_listed(workspace: Workspace) -> None:
    result = workspace.call("check", EXTENSION, f"distance={OWN}.per_pixel")
    assert "  not checked    It is not negative, for small and large features" in result.out.splitlines()
    assert result.out.splitlines()[-1] == "properties: 1 ok, 1 does not hold, 6 not checked"
