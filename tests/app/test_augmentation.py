"""Chains of transforms through the command line: what is trained, recorded, resumed, reported and refused."""

from pathlib import Path

import pytest
import torch
import yaml

from src.app.describe import changed_values, option_names
from src.foundation.files import write_json
from src.reporting.methods import setting_of_run
from src.runs.record import read_run
from tests.app.test_resuming import resume, stop
from tests.conftest import TINY, Workspace, read_json
from tests.reporting.written_runs import student, write_run

TEACHER = ("stage=teacher", "task=depth", "pictures.count=0", "schedule=constant")
CHAIN = ("augmentation=[scale_flip,noise,colour]", "augmentation.colour.brightness=0.3")


def weights(run: Path) -> dict[str, torch.Tensor]:
    return torch.load(run / "weights.pt", weights_only=True)["state_dict"]


def assert_same_weights(one: Path, other: Path) -> None:
    expected = weights(other)
    assert all(torch.equal(value, expected[key]) for key, value in weights(one).items())


def test_a_chain_is_recorded_in_its_order_and_resumed(trained: Workspace) -> None:
    whole = trained.train(*TEACHER, *CHAIN, "trainer.max_epochs=2", "label=chain")
    record = read_json(whole / "run.json")
    order, config = ["scale_flip", "noise", "colour"], yaml.safe_load((whole / "config.yaml").read_text())
    assert record["names"]["augmentation"] == list(config["augmentation"]) == order
    assert [each["_target_"] for each in record["configuration"]["augmentation"]] == order
    changed = {key: value for key, value in record["changed"].items() if key.startswith("augmentation")}
    assert changed == {"augmentation.colour.brightness": 0.3}
    assert "scale_flip + noise + colour (brightness 0.3), batch 4" in setting_of_run(read_run(whole)).training
    stopped = trained.train(*TEACHER, *CHAIN)
    text = (stopped / "config.yaml").read_text()
    stop(stopped, 2)
    # ``stop`` sorts the keys, which a run does not
    (stopped / "config.yaml").write_text(text.replace("max_epochs: 1", "max_epochs: 2"))
    resume(trained, stopped)
    assert_same_weights(stopped, whole)


@pytest.mark.parametrize(("name", "part"), [("flip", {"flip": 0.5}), pytest.param("none", {}, marks=pytest.mark.long)])
def test_a_run_that_began_with_a_single_augmentation_is_resumed(trained: Workspace, name: str, part: dict) -> None:
    options = (*TEACHER, f"augmentation={name}")
    whole, stopped = trained.train(*options, "trainer.max_epochs=2"), trained.train(*options)
    stop(stopped, 2)
    config = yaml.safe_load((stopped / "config.yaml").read_text())
    config["names"]["augmentation"] = name
    config["augmentation"] = {"_target_": "scale_flip", **part}
    (stopped / "config.yaml").write_text(yaml.safe_dump(config))
    resume(trained, stopped)
    assert_same_weights(stopped, whole)


FORMER = {"_target_": "scale_flip", "flip": 0.5}
LIST = [{"_target_": "noise", "std": [0, 0.05]}, {"_target_": "blur", "sigma": [0.1, 3], "share": 0.5}]


@pytest.mark.parametrize(
    ("augmentation", "names", "changed", "expected"),
    [
        (FORMER, "flip", {}, "flip"),
        (FORMER | {"flip": 0.3}, "flip", {"augmentation.flip": 0.3}, "flip (flip 0.3)"),
        ({"_target_": "scale_flip", "scales": [1], "flip": 0}, "none", {}, "no augmentation"),
        ([], [], {}, "no augmentation"),
        (LIST, ["noise", "blur"], {"augmentation.blur.sigma": [0.1, 3]}, "noise + blur (sigma [0.1, 3])"),
        (LIST, None, {}, "noise + blur"),
    ],
    ids=str,
)
def test_a_table_names_the_transforms(tmp_path: Path, augmentation, names, changed, expected: str) -> None:
    run = write_run(tmp_path, "1", student(), names={"augmentation": names}, changed=changed)
    record = read_json(run / "run.json")
    record["configuration"]["augmentation"] = augmentation
    write_json(run / "run.json", record)
    assert f"cosine, {expected}, batch 8" in setting_of_run(read_run(run)).training


def test_values_that_differ_are_those_of_the_option_that_was_chosen_or_fits_best() -> None:
    dataset = {"name": "rooms", "size": [64, 96], "classes": 13}
    configuration = {"augmentation": LIST, "dataset": dataset, "tasks": {}, "trainer": {}}
    for names in ({"augmentation": ["noise", "blur"]}, option_names(configuration, {})):
        changed = {k: v for k, v in changed_values(configuration, names).items() if k.startswith("augmentation")}
        assert changed == {"augmentation.blur.sigma": [0.1, 3]}
    former = {**configuration, "augmentation": FORMER | {"scales": [1], "flip": 0.4}}
    assert option_names(former, {})["augmentation"] == ["flip"]
    assert changed_values(former, {"augmentation": "flip"})["augmentation.flip.flip"] == 0.4


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            ("augmentation=[flip,colour]",),
            ("unlimited views", "augmentation=flip, augmentation=none or teacher_cache=0"),
        ),
        (("augmentation=[flip,flop]",), ("augmentation=flop is unknown", "noise, none, resized_crop")),
        (("augmentation=[flip,flip]",), ("augmentation has flip twice", "mend: augmentation=[flip]")),
        (("augmentation=scale_flip", "augmentation.scales=[1.5]"), ("augmentation.NAME.scales=[1.5]",)),
        (("augmentation.colour.hue=0.1",), ("augmentation.colour is not chosen", "mend: augmentation=[flip,colour]")),
        (("augmentation=[flip,colour]", "augmentation.colour.heu=0.1"), ("mend: augmentation.colour.hue=0.1",)),
        (("augmentation=blur", "augmentation.blur.sigma=[3,1]"), ("sigma=[3.0,1.0] is no range",)),
    ],
    ids=str,
)
def test_a_mistake_is_told(trained: Workspace, options: tuple[str, ...], words: tuple[str, ...]) -> None:
    result = trained.call("train", *TINY, "stage=student", "teacher_cache=1", *options)
    assert result.code == 1
    assert "Traceback" not in result.out
    for text in words:
        assert text in result.out


def test_transforms_of_a_folder_of_ones_own_are_chained_and_checked(trained: Workspace, tmp_path: Path) -> None:
    (tmp_path / "transform").mkdir()
    (tmp_path / "transform" / "grainy.yaml").write_text("_target_: noise\nstd: [0.1, 0.2]\n")
    (tmp_path / "transform" / "again.yaml").write_text("_target_: scale_flip\nflip: 0.5\n")
    result = trained.call("check", "--config-dir", str(tmp_path), "transform=grainy")
    assert result.code == 0, result.out
    before = trained.runs()
    options = (*TINY, *TEACHER, "augmentation=[grainy,flip]")
    result = trained.call("train", "--config-dir", str(tmp_path), *options)
    assert result.code == 0, result.out
    (run,) = set(trained.runs()) - set(before)
    assert read_json(run / "run.json")["names"]["augmentation"] == ["grainy", "flip"]
    options = (*TINY, "stage=student", "teacher_cache=1", "augmentation=[flip,again]")
    result = trained.call("train", "--config-dir", str(tmp_path), *options)
    assert result.code == 1
    assert "an image has 4 views" in result.out
