"""The command line of training, from embedded data to judged metrics."""

import csv
import math
from pathlib import Path

import pytest
import torch

from tests.conftest import TINY, Workspace, read_json

STATIC = ("stage=student", "trainer=ddp", "trainer.accelerator=cpu", "trainer.strategy.static_graph=true")
PRIMARY_METRICS = ("semantic/miou", "depth/absolute_error", "normal/mean_angle")


def losses(run: Path) -> dict[str, float]:
    with (run / "metrics.csv").open() as stream:
        row = list(csv.DictReader(stream))[-1]
    return {key: float(value) for key, value in row.items() if key.startswith("train/")}


def test_a_run_directory_holds_all_that_a_result_needs(trained: Workspace) -> None:
    teacher = trained.teacher("depth")
    about = read_json(teacher / "run.json")
    assert about["status"] == "finished"
    assert about["versions"]["torch"].split("+")[0] == torch.__version__.split("+")[0]
    assert {"git", "seed", "command", "started", "protocol", "digest"} <= set(about)
    assert "size:\n  - 32\n  - 48" in (teacher / "config.yaml").read_text()
    metrics = read_json(teacher / "metrics.json")
    assert metrics["protocol"] == "last"
    assert metrics["split"] == "test"
    assert set(metrics["metrics"]) == {f"depth/{m}" for m in ("absolute_error", "relative_error", "rmse", "delta_1")}
    assert losses(teacher).keys() == {"train/loss/depth"}
    assert (teacher / "checkpoints" / "last.ckpt").exists()
    assert list((teacher / "pictures").glob("epoch_001/image_*.png"))


def test_student_is_distilled_and_hands_on_neither_teachers_nor_adaptors(trained: Workspace) -> None:
    run = trained.train("stage=student")
    keys = {f"train/{kind}/{task}" for kind in ("loss", "align", "weight") for task in ("semantic", "depth", "normal")}
    assert losses(run).keys() == keys
    assert all(0 < losses(run)[f"train/align/{task}"] <= 8 for task in ("semantic", "depth", "normal"))
    assert all(math.isfinite(read_json(run / "metrics.json")["metrics"][key]) for key in PRIMARY_METRICS)
    assert set(read_json(run / "run.json")["teachers"]) == {"semantic", "depth", "normal"}
    checkpoint = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)
    parts = {".".join(key.split(".")[: 1 + key.startswith("distillation.")]) for key in checkpoint["state_dict"]}
    assert parts == {"network", "distillation.alignment", "weighting"}
    handed_on = torch.load(run / "weights.pt", weights_only=True)
    assert {key.split(".")[0] for key in handed_on["state_dict"]} == {"trunk", "heads"}
    groups = {group["name"]: group for group in checkpoint["optimizer_states"][0]["param_groups"]}
    assert groups["adaptors"]["weight_decay"] == 5e-4
    assert groups["network"]["weight_decay"] == 0
    assert (groups["adaptors"]["initial_lr"], groups["network"]["initial_lr"]) == (0.1, 0.002)


def test_teachers_are_unchanged_by_their_student(trained: Workspace) -> None:
    files = {
        run: (run / "weights.pt").read_bytes()
        for run in trained.runs()
        if read_json(run / "run.json")["stage"] == "teacher" and (run / "weights.pt").exists()
    }
    trained.train("stage=student", "distillation=kd4mtl")
    assert all((run / "weights.pt").read_bytes() == content for run, content in files.items())


def test_plain_baseline_needs_no_teacher(workspace: Workspace) -> None:
    run = workspace.train("stage=student", "distillation=none")
    assert read_json(run / "run.json")["teachers"] == {}
    assert not [key for key in losses(run) if "align" in key]


@pytest.mark.parametrize(
    ("overrides", "reason"),
    [
        (("seed=7",), "seed is 0, not 7"),
        (("model.filters=[4,6,8,10]",), "model.filters is [4, 6, 8, 8], not [4, 6, 8, 10]"),
        (("dataset.size=[48,64]",), "dataset.size is [32, 48], not [48, 64]"),
    ],
)
def test_incompatible_teachers_are_named_with_the_commands_that_train_others(
    trained: Workspace, overrides: tuple[str, ...], reason: str
) -> None:
    before = trained.runs()
    result = trained.call("train", *TINY, "stage=student", *overrides)
    assert result.code == 1
    assert reason in result.out
    assert "no teacher for semantic, depth, normal" in result.out
    assert "python -m src.train stage=teacher task=normal" in result.out
    assert overrides[0] in result.out.split("task=normal")[1]
    assert "Traceback" not in result.out
    assert trained.runs() == before


def test_missing_teachers_leave_nothing_behind(workspace: Workspace) -> None:
    result = workspace.call("train", *TINY, "stage=student", "adaptor=mlp")
    assert result.code == 1
    assert "depth: none was trained" in result.out
    command = next(line for line in result.out.splitlines() if "task=depth" in line)
    assert "adaptor" not in command
    assert "model.filters=[4,6,8,8]" in command
    assert not list(workspace.root.rglob("run.json"))


def test_the_printed_command_trains_the_missing_teacher(workspace: Workspace) -> None:
    workspace.train("stage=teacher", "task=depth")
    workspace.train("stage=teacher", "task=normal")
    result = workspace.call("train", *TINY, "stage=student")
    assert "no teacher for semantic\n" in result.out
    command = next(line for line in result.out.splitlines() if "python -m" in line).split("src.train ")[1]
    arguments = [a.strip("'") for a in command.split() if not a.startswith("paths")]
    assert workspace.call("train", *arguments).code == 0
    workspace.train("stage=student")


@pytest.mark.parametrize(
    "overrides",
    [
        ("adaptor=identity",),
        ("adaptor=mlp",),
        ("adaptor=conv3x3",),
        ("distance=l2",),
        ("distance=cosine",),
        ("distillation=universal",),
        ("distillation=matched", "distillation.include_in_weighting=true", "loss_weights=gradnorm"),
        ("loss_weights=uncertainty",),
        ("loss_weights=dwa",),
        ("loss_weights=gradnorm",),
        ("loss_weights=mgda",),
        ("loss_weights=fixed", "loss_weights.weights.normal=10"),
        ("trainer.precision=bf16-mixed",),
        ("trainer.accumulate_grad_batches=2", "trainer.gradient_clip_val=1.0"),
        ("compile=true", "compile_backend=aot_eager"),
        ("compile=true", "compile_backend=aot_eager", "distillation=online"),
        ("protocol=best", "dataset.validation=holdout", "dataset.holdout=0.3"),
        ("protocol=mean10", "trainer.max_epochs=2"),
        ("tasks=[semantic,depth]",),
        ("augmentation=none", "optimiser=adamw", "schedule=step"),
        ("debug=batch",),
    ],
    ids=lambda overrides: " ".join(overrides),
)
def test_every_option_trains(trained: Workspace, overrides: tuple[str, ...]) -> None:
    run = trained.train("stage=student", *overrides)
    assert all(math.isfinite(value) for value in read_json(run / "metrics.json")["metrics"].values())


def test_a_sweep_trains_a_run_per_value(trained: Workspace) -> None:
    before = set(trained.runs())
    assert trained.call("train", "-m", *TINY, "stage=student", "adaptor=linear,identity,mlp").code == 0
    new = set(trained.runs()) - before
    assert {read_json(run / "run.json")["names"]["adaptor"] for run in new} == {"linear", "identity", "mlp"}


def test_reuse_trains_nothing_twice(trained: Workspace) -> None:
    arguments = ("stage=student", "adaptor=conv3x3", "label=again")
    trained.train(*arguments)
    before = trained.runs()
    result = trained.call("train", *TINY, *arguments, "reuse=true")
    assert result.code == 0
    assert "already trained" in result.out
    assert trained.runs() == before


def test_the_same_seed_gives_the_same_weights_and_another_does_not(workspace: Workspace) -> None:
    runs = [workspace.train("stage=teacher", "task=depth", f"seed={seed}") for seed in (3, 3, 4)]
    states = [torch.load(run / "weights.pt", weights_only=True)["state_dict"] for run in runs]
    assert all(torch.equal(value, states[1][key]) for key, value in states[0].items())
    assert not all(torch.equal(value, states[2][key]) for key, value in states[0].items())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("stage=teacher",), "task=semantic,depth,normal"),
        (("stage=student", "model=no_such"), "no_such"),
        (("stage=student", "optimser.lr=1"), "optimser"),
        (("stage=student", "protocol=best"), "dataset.validation=holdout"),
        (("stage=student", "protocol=mean10", "dataset.validation=none"), "dataset.validation=test"),
        (("stage=student", "protocol=sharpest"), "sharpest"),
        (("stage=student", "trainer.max_epochs=many"), "trainer.max_epochs=many is not a whole number"),
        (("stage=student", "reuse=no"), "reuse=no is not true or false"),
        (("stage=student", "dataset.validation=hodlout"), "hodlout"),
        (("stage=student", "distillation.teacher_batchnorm=running"), "running"),
        (("stage=student", "trainer.precision=fp16"), "fp16"),
        (("stage=student", "augmentation=scale_flip", "augmentation.scale_flip.scales=[0.5]"), "0.5"),
        (("stage=student", "dataset.size=64"), "dataset.size"),
        (("stage=student", "dataset.batch_size=0"), "at least 1"),
        (("stage=student", "dataset.classes=40"), "needs the map label40, which rooms has not"),
        (("stage=student", "trainer.max_epochs=0"), "at least 1"),
        (("stage=student", "seed=x"), "seed=x is not a whole number"),
        (("stage=student", "optimiser.lr=1e-3x"), "optimiser.lr=1e-3x is not a number"),
        (("stage=student", "distillation.levels=[middle]"), "middle"),
        (("stage=student", "dataset.batch_size=99"), "dataset.batch_size=12"),
        (
            ("stage=student", "distillation=none", "loss_weights=gradnorm", "trainer.precision=16-mixed"),
            "bf16-mixed",
        ),
        (("stage=student", "trainer.precision=16-mixed", "trainer.gradient_clip_val=1.0"), "optimiser.fused=false"),
        (("stage=student", "compile=true", "compile_mode=fastest"), "reduce-overhead"),
        ((*STATIC, "labels=one"), "can lack a task"),
        ((*STATIC, "distillation=online"), "online"),
        (("stage=student", "compile=true", "compile_backend=eager", "compile_mode=default"), "compile_mode=null"),
        (("stage=student", "distillation=none", "dataset.size=[33,48]"), "multiples of 16"),
        (("stage=student", "dataset=nyuv2"), "python -m src.prepare dataset=nyuv2"),
        (("stage=student", "teacher.depth=nowhere"), "nowhere"),
        (("stage=student", "resume=nowhere"), "nowhere"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_a_users_mistake_gets_a_message_and_no_trace(
    trained: Workspace, arguments: tuple[str, ...], message: str
) -> None:
    before = trained.runs()
    tiny = [option for option in TINY if not any(a.startswith(option.split("=")[0] + "=") for a in arguments)]
    if "dataset=nyuv2" in arguments or "model=no_such" in arguments:
        tiny = ["trainer=cpu"]
    result = trained.call("train", *tiny, *arguments)
    assert result.code not in (0, None)
    assert message in result.out
    assert "Traceback" not in result.out
    assert trained.runs() == before


@pytest.mark.parametrize("several", [("trainer=ddp",), ("trainer.devices=2",)], ids=["ddp", "auto"])
def test_ddp_is_refused_under_a_multirun(trained: Workspace, several: tuple[str, ...]) -> None:
    result = trained.call(
        "train", "-m", *TINY, "stage=student", "adaptor=linear,mlp", *several, "trainer.accelerator=cpu"
    )
    assert result.code == 1
    for way_out in ("trainer=ddp_spawn", "trainer.devices=1", "without -m"):
        assert way_out in result.out


def test_a_debug_teacher_serves_no_real_student(workspace: Workspace) -> None:
    for task in ("semantic", "depth", "normal"):
        workspace.train("stage=teacher", f"task={task}", "debug=batch")
    result = workspace.call("train", *TINY, "stage=student")
    assert result.code == 1
    assert "debug=batch" in result.out
    workspace.train("stage=student", "debug=batch")


def test_reuse_takes_no_trial_for_a_whole_run_and_repeats_none(workspace: Workspace) -> None:
    teacher = ("stage=teacher", "task=depth", "pictures.count=0", "reuse=true")
    trial = workspace.train(*teacher, "trainer.max_steps=1")
    assert read_json(trial / "run.json")["status"] == "partial"
    assert (
        f"already trained: teacher of depth; rooms, small, seed 0 -> {trial}"
        in workspace.call("train", *TINY, *teacher, "trainer.max_steps=1").out
    )
    whole = workspace.train(*teacher)
    assert read_json(whole / "run.json")["status"] == "finished"


def test_reuse_looks_at_teachers_and_values(trained: Workspace) -> None:
    run = trained.train("stage=student", "label=reuse")
    first = read_json(run / "run.json")["teachers"]["depth"]
    same = trained.call("train", *TINY, "stage=student", "label=reuse", "reuse=true")
    assert "already trained" in same.out
    other = trained.train("stage=teacher", "task=depth", "optimiser.lr=0.01", "label=other")
    changed = trained.call("train", *TINY, "stage=student", "label=reuse", f"teacher.depth={other}", "reuse=true")
    assert "already trained" not in changed.out
    back = trained.call("train", *TINY, "stage=student", "label=reuse", f"teacher.depth={first}", "reuse=true")
    assert "already trained" in back.out
    (other / "run.json").unlink()  # the other tests' teachers stay the newest


def test_fixed_weights_go_with_two_tasks(trained: Workspace) -> None:
    trained.train("stage=student", "tasks=[semantic,depth]", "loss_weights=fixed", "loss_weights.weights.depth=3")
