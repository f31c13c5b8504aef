"""Any teacher, through the command line: another network, size or seed, files, networks without a task, none at all."""

import shutil
from pathlib import Path

import pytest
import timm
import torch

from src.runs.network_file import load_network
from tests.conftest import TINY, Workspace, read_json

WIDE = ("model=segnet_quarter", "model.filters=[4,4,6,6,8]", "dataset.size=[32,64]")


def without(options: tuple[str, ...] | list[str], *groups: str) -> list[str]:
    return [o for o in options if not o.startswith(groups)]


def teachers(run: Path) -> dict:
    return read_json(run / "run.json")["teachers"]


def refused(space: Workspace, *arguments: str) -> str:
    before = space.runs()
    result = space.call("train", *TINY, "stage=student", *arguments)
    assert result.code == 1
    assert "Traceback" not in result.out
    assert space.runs() == before
    return result.out


def test_a_teacher_may_be_another_network_of_another_size(trained: Workspace) -> None:
    other = without(TINY, "model.", "dataset.size")
    missing = trained.call("train", *TINY, "stage=student", "teacher.model=segnet_quarter", "teacher.size=[32,64]")
    assert missing.code == 1
    assert "model=segnet_quarter" in missing.out
    assert "'dataset.size=[32,64]'" in missing.out
    for task in ("semantic", "depth", "normal"):
        result = trained.call("train", *other, *WIDE, "stage=teacher", f"task={task}")
        assert result.code == 0, result.out
    run = trained.train("stage=student", "teacher.model=segnet_quarter", "teacher.size=[32,64]", "pictures.count=0")
    taken = [read_json(Path(path) / "run.json") for path in teachers(run).values()]
    assert {record["names"]["model"] for record in taken} == {"segnet_quarter"}
    assert {tuple(record["dataset"]["size"]) for record in taken} == {(32, 64)}

    mixed = trained.train("stage=student", "teacher.depth={model: segnet_quarter, size: [32, 64]}", "pictures.count=0")
    models = {t: read_json(Path(path) / "run.json")["names"]["model"] for t, path in teachers(mixed).items()}
    assert models == {"semantic": "small", "depth": "segnet_quarter", "normal": "small"}


def test_a_teacher_may_come_from_another_seed(trained: Workspace) -> None:
    assert "seed is 0, not 5" in refused(trained, "seed=5")
    run = trained.train("stage=student", "seed=5", "teacher.seed=0", "pictures.count=0")
    assert all(read_json(Path(path) / "run.json")["seed"] == 0 for path in teachers(run).values())


def test_a_teacher_may_be_left_out_and_not_all_of_them(trained: Workspace) -> None:
    run = trained.train("stage=student", "teacher.depth=none", "pictures.count=0")
    assert set(teachers(run)) == {"semantic", "normal"}
    header = (run / "metrics.csv").read_text().splitlines()[0]
    assert "train/align/semantic" in header
    assert "train/align/depth" not in header
    assert "distillation=none" in refused(trained, "teacher.semantic=none", "teacher.depth=none", "teacher.normal=none")


@pytest.mark.parametrize("file", ["weights.pt", "checkpoints/last.ckpt"])
def test_a_teacher_may_be_a_file(trained: Workspace, tmp_path: Path, file: str) -> None:
    plain = trained.train("stage=student", "pictures.count=0")
    where = Path(teachers(plain)["depth"])
    path = where / file
    if file == "weights.pt":  # handed on: its run is not there
        path = Path(shutil.copy(path, tmp_path / "depth.pt"))
    run = trained.train("stage=student", f"teacher.depth={path}", "pictures.count=0")
    assert teachers(run)["depth"] == str(path)
    states = [load_network(r / "weights.pt")[0].state_dict() for r in (plain, run)]
    assert all(torch.equal(value, states[1][key]) for key, value in states[0].items())


def test_what_is_no_teacher_of_the_task_is_refused(trained: Workspace, tmp_path: Path) -> None:
    run = Path(teachers(trained.train("stage=student", "pictures.count=0"))["semantic"])
    assert "it solves semantic" in refused(trained, f"teacher.depth={run / 'weights.pt'}")
    assert "is not a teacher of depth" in refused(trained, f"teacher.depth={run}")
    loose = Path(shutil.copy(run / "checkpoints" / "last.ckpt", tmp_path / "last.ckpt"))
    assert "weights.pt" in refused(trained, f"teacher.semantic={loose}")
    assert "no colour" in refused(trained, "teacher.depth={colour: red}")
    assert "no task 'height'" in refused(trained, "teacher.height={model: small}")
    for entry in ("teacher.depth=5", "teacher.depth=[a,b]", "'teacher.train={network: timm}'".strip("'")):
        assert "names no teacher" in refused(trained, entry)
    assert "teacher.size=96 is not a list" in refused(trained, "teacher.size=96")
    assert "there is no model" in refused(trained, f"teacher.semantic={{from: {run}, model: small}}")
    assert "nothing of teacher depth is used" in refused(trained, "teacher.depth={levels: []}")
    assert "weighs no teacher" in refused(trained, "+distillation.weights.vitt=2")
    vit = "network: timm, backbone: test_vit, options: {img_size: 32, dynamic_img_size: true}"
    assert "size: [48,48] in teacher.vit" in refused(trained, f"teacher.vit={{{vit}, size: [40, 48]}}")
    assert "options of model are" in refused(trained, "teacher.vit={network: no_such}")
    assert "no_such" in refused(trained, "teacher.vit={network: timm, backbone: no_such}")


@pytest.mark.parametrize("backbone", ["resnet10t", "test_vit"])
def test_a_network_of_timm_without_a_task_may_teach(trained: Workspace, tmp_path: Path, backbone: str) -> None:
    torch.manual_seed(1)
    extra = {"img_size": 32, "dynamic_img_size": True} if "vit" in backbone else {}
    file = tmp_path / "weights.pt"
    torch.save(timm.create_model(backbone, **extra).state_dict(), file)
    options = f"options: {str(extra).replace(chr(39), '').replace('True', 'true')}"
    entry = f"teacher.foundation={{network: timm, backbone: {backbone}, weights: '{file}', {options}}}"
    run = trained.train("stage=student", entry, "+distillation.weights.foundation=0.5", "pictures.count=0")
    assert set(teachers(run)) == {"semantic", "depth", "normal", "foundation"}
    assert "train/align/foundation" in (run / "metrics.csv").read_text().splitlines()[0]


def test_weights_of_another_network_are_refused(trained: Workspace, tmp_path: Path) -> None:
    file = tmp_path / "weights.pt"
    torch.save(timm.create_model("resnet10t").state_dict(), file)
    out = refused(trained, f"teacher.foundation={{network: timm, backbone: resnet18, weights: '{file}'}}")
    assert "do not fit timm's 'resnet18'" in out


def test_a_network_of_segmentation_models_may_teach_with_levels_of_its_own(trained: Workspace) -> None:
    entry = "{network: smp, encoder: resnet18, levels: ['decoder3:encoder2'], size: [32, 64]}"
    run = trained.train(
        "stage=student", f"teacher.unet={entry}", "teacher.semantic=none", "teacher.normal=none", "pictures.count=0"
    )
    assert teachers(run)["unet"]["levels"] == ["decoder3:encoder2"]
    assert set(teachers(run)) == {"depth", "unet"}


def test_a_teachers_own_levels_make_another_method(trained: Workspace) -> None:
    trained.train("stage=student", "label=levels", "pictures.count=0")
    other = ("stage=student", "label=levels", "pictures.count=0", "teacher.depth.levels=[decoder]", "reuse=true")
    assert "already trained" not in trained.call("train", *TINY, *other).out
    assert "already trained" in trained.call("train", *TINY, *other).out


def test_a_network_without_the_task_is_not_imitated(trained: Workspace) -> None:
    entry = "teacher.depth={network: timm, backbone: resnet10t, levels: ['decoder:encoder2']}"
    run = trained.train("stage=student", entry, "distillation.output_weight=1", "pictures.count=0")
    header = (run / "metrics.csv").read_text().splitlines()[0]
    assert "train/output/normal" in header
    assert "train/output/depth" not in header


def test_the_command_for_a_missing_teacher_leads_to_one_that_fits(trained: Workspace) -> None:
    out = refused(trained, "labels=one", "tasks=[semantic,depth]")
    assert "tasks=[semantic,depth]" in out
    assert "labels=one" in out
    assert "were trained on other labels" in refused(trained, "labels=one", "seed=1", "teacher.seed=0")
    assert "model.filters" not in refused(trained, "teacher.model=small_wide").split("mend:")[1]
