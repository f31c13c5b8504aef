"""What the command line refuses, before anything is built, and how it says so."""

import pytest

from src.app.conf import options
from src.app.configuration.train import TrainConfig
from src.app.help import key_lines
from src.app.reference import COMMANDS, reference
from src.foundation.part_options import annotations
from src.foundation.registry import REGISTRIES
from tests.conftest import REPOSITORY, TINY, Workspace, read_json

TEACHER = ("stage=teacher", "task=depth")
STUDENT = ("stage=student",)
NONE = (*STUDENT, "distillation=none")


def refused(workspace: Workspace, *arguments: str) -> str:
    result = workspace.call("train", *TINY, *arguments)
    assert result.code == 1, result.out
    assert result.out.startswith("error: ")
    assert "Traceback" not in result.out
    assert not (workspace.root / "data").exists()
    assert not workspace.runs()
    return result.out


def test_all_mistakes_are_told_at_once_with_what_was_probably_meant(workspace: Workspace) -> None:
    output = refused(
        workspace, *STUDENT, "optimizer=adam", "adaptor=linera", "lr=0.1", "epochs=3", "+optimiser.foo=1", "seed=x",
        "dataset.source.train=1.5", "trainer.precision=bf16-true", "trainer.max_epoch=3",
    )  # fmt: skip
    for part in (
        "9 mistakes", "there is no key optimizer",
        "mend: optimiser=adam", "adaptor=linera is unknown", "mend: adaptor=linear",
        "there is no key lr", "mend: optimiser.lr=0.1", "mend: trainer.max_epochs=3", "there is no key optimiser.foo",
        "seed=x is not a whole number", "dataset.source.train=1.5 is not a whole number",
        "trainer.precision=bf16-true is not one of auto, 32-true", "there is no key trainer.max_epoch",
    ):  # fmt: skip
        assert part in output


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("+foo=1",), "there is no key foo"),
        (("+dataset.foo=1",), "there is no key dataset.foo"),
        (("+model.foo=1",), "there is no key model.foo"),
        (("model.weights=imagenet",), "there is no key model.weights"),
        (("+optimiser.foo=1",), "there is no key optimiser.foo"),
        (("+trainer.foo=1",), "there is no key trainer.foo"),
        (("+trainer.callbacks=[]",), "trainer.callbacks is set by the program"),
        (("+trainer.logger=false",), "trainer.logger is set by the program"),
        (("distillation.ladder=3",), "distillation.ladder=3 is not true or false"),
        (("channels_last=5",), "channels_last=5 is not true or false"),
        (("label=[1,2]",), "label=[1, 2] is not text"),
        (("distillation.weights.depth=-1",), "distillation.weights.depth=-1 is not at least 0"),
        (("distillation.weights.depth=null",), "distillation.weights.depth=null is not a number"),
        (("distillation.weights.dpeth=1",), "distillation.weights.dpeth weighs no teacher"),
        (("distillation.adaptor_optimiser.lr=0",), "distillation.adaptor_optimiser.lr=0 is not above 0"),
        (("distillation.adaptor_schedule.floor=2",), "distillation.adaptor_schedule.floor=2 is not at most 1"),
        (("trainer.gradient_clip_val=-1",), "trainer.gradient_clip_val=-1 is not above 0"),
        (("trainer.accumulate_grad_batches=0",), "trainer.accumulate_grad_batches=0 is not at least 1"),
        (("trainer.accumulate_grad_batches=1.5",), "trainer.accumulate_grad_batches=1.5 is not a whole number"),
        (("trainer.check_val_every_n_epoch=-1",), "trainer.check_val_every_n_epoch=-1 is not at least 1"),
        (("trainer.log_every_n_steps=0",), "trainer.log_every_n_steps=0 is not at least 1"),
        (("trainer.limit_train_batches=0",), "trainer.limit_train_batches=0 is not at least 1"),
        (("trainer.limit_train_batches=1.5",), "trainer.limit_train_batches=1.5 is not"),
        (("trainer.precision=64-true",), "trainer.precision=64-true is not one of"),
        (("trainer.precision=16-true",), "trainer.precision=16-true is not one of"),
        (("trainer.devices=0",), "trainer.devices=0 is not"),
        (("trainer.max_epochs=null",), "trainer.max_epochs=null is not a whole number"),
        (("trainer=ddp", "trainer.strategy.bucket_cap_mb=-1"), "trainer.strategy.bucket_cap_mb=-1 is not at least 1"),
        (("optimiser.lr=nan",), "optimiser.lr=nan is not a finite number"),
        (("optimiser.lr=inf",), "optimiser.lr=inf is not a finite number"),
        (("optimiser.betas=[0.9]",), "optimiser.betas=[0.9] is not of 2 entries"),
        (("dataset.size=[64]",), "dataset.size"),
        (("dataset.size=[64,-1]",), "dataset.size"),
        (("dataset.holdout=1.5",), "dataset.holdout=1.5 is not below 1"),
        (("compile=true", "compile_backend=nothing"), "compile_backend=nothing is unknown"),
        (("model._target_=os.system",), "'extensions=[os]'"),
        (("adaptor.x={_target_: os.getcwd}",), "there is no key adaptor.x"),
        (("model=timm", "model.options={a: {_target_: os.getcwd}}"), "holds a _target_ of its own"),
        (("extensions=[no_such_module]",), "extensions names no_such_module"),
        (("dataset.size=[30,48]",), "mend: dataset.size=[32,48]"),
        (("tasks=[]",), "tasks"),
    ],
)
def test_what_is_wrong_in_itself(workspace: Workspace, arguments: tuple[str, ...], expected: str) -> None:
    assert expected in refused(workspace, *NONE[:1], *arguments)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((*STUDENT, "task=depth"), "task=depth would not change a student"),
        (("stage=teacher",), "stage=teacher needs a task"),
        ((*TEACHER, "teacher.model=segnet"), "teacher.model would change nothing"),
        ((*TEACHER, "teacher_cache=1"), "teacher_cache would change nothing"),
        ((*TEACHER, "adaptor=mlp"), "adaptor=mlp would change nothing"),
        ((*TEACHER, "distillation=kd4mtl"), "distillation=kd4mtl would change nothing"),
        ((*TEACHER, "loss_weights=dwa"), "loss_weights=dwa would change nothing"),
        ((*TEACHER, "probe.every=1"), "probe.every=1 would change nothing"),
        ((*NONE, "adaptor=mlp"), "adaptor=mlp would change nothing"),
        ((*NONE, "distance.eps=1e-3"), "distance.eps=1e-3 would change nothing"),
        ((*NONE, "teacher.depth=none"), "teacher.depth would change nothing"),
        ((*NONE, "teacher_cache=1"), "teacher_cache would change nothing"),
        ((*STUDENT, "distillation=online", "teacher_cache=1"), "teacher_cache would change nothing"),
        ((*STUDENT, "distillation=online", "distillation.teacher_dropout=0.5"), "no key distillation.teacher_dropout"),
        ((*STUDENT, "distillation=output", "adaptor=mlp"), "adaptor=mlp would change nothing"),
        ((*STUDENT, "distillation.temperature=2"), "distillation.temperature would change nothing"),
        ((*NONE, "compile_mode=reduce-overhead"), "compile_mode would change nothing"),
        ((*NONE, "dataset.holdout=0.2"), "dataset.holdout would change nothing"),
        ((*NONE, "trainer.gradient_clip_algorithm=value"), "trainer.gradient_clip_algorithm would change nothing"),
        ((*NONE, "tasks.depth.modality=height"), "needs the map height, which rooms has not"),
        ((*NONE, "protocol=best"), "dataset.validation=holdout"),
    ],
)
def test_what_contradicts_or_would_change_nothing(
    workspace: Workspace, arguments: tuple[str, ...], expected: str
) -> None:
    result = workspace.call("train", *TINY, *arguments)
    assert result.code == 1
    assert expected in result.out
    assert "Traceback" not in result.out
    assert not workspace.runs()


def test_the_usual_option_may_be_said_where_it_changes_nothing(trained: Workspace) -> None:
    trained.train(*NONE, "adaptor=linear", "distance=normalised", "pictures.count=0")


def test_any_subset_of_tasks_needs_no_yaml(trained: Workspace) -> None:
    run = trained.train(*NONE, "tasks=[normal,depth]", "pictures.count=0")
    assert list(read_json(run / "run.json")["task_configs"]) == ["normal", "depth"]


def test_an_experiment_and_a_debug_option_set_every_key(workspace: Workspace, tmp_path) -> None:
    (tmp_path / "conf" / "experiment").mkdir(parents=True)
    own = "# @package _global_\nseed: 7\nprotocol: mean10\nlabel: mine\ntrainer: {check_val_every_n_epoch: 1}\n"
    (tmp_path / "conf" / "experiment" / "mine.yaml").write_text(own)
    arguments = (*TINY, *NONE, "experiment=mine", "pictures.count=0")
    result = workspace.call("train", "--config-dir", str(tmp_path / "conf"), *arguments)
    assert result.code == 0, result.out
    record = read_json(workspace.runs()[-1] / "run.json")
    assert (record["seed"], record["protocol"], record["label"]) == (7, "mean10", "mine")


@pytest.mark.parametrize("command", COMMANDS)
def test_help_names_the_program_its_keys_and_examples(workspace: Workspace, command: str) -> None:
    result = workspace.call(command, "--help")
    assert result.code == 0
    assert f"python -m src.{command}" in result.out
    assert result.out.count(f"  python -m src.{command}") >= 1
    if command == "train":
        for part in (
            "trainer.max_epochs",
            "a whole number at least 1: epochs",
            "semantic,depth,normal",
            "cosine, step",
        ):
            assert part in result.out


def test_the_page_of_all_keys_is_current() -> None:
    assert (REPOSITORY / "docs" / "configuration.md").read_text() == reference(), "make reference"


def test_every_key_and_option_has_a_description_and_each_yaml_is_valid() -> None:
    lines = {key: description for key, _, description in key_lines(TrainConfig)}
    assert [key for key, description in lines.items() if not description] == []
    for kind in ("model", "task", "adaptor", "distance", "loss_weights", "optimiser", "schedule", "transform"):
        registry = REGISTRIES[kind]
        own = [name for name in registry.names() if "." not in name]  # others are those of other tests
        for name in own:
            known = annotations(registry.part({"_target_": name}))
            known |= {option: parameter.annotation for option, parameter in registry.options_of_all().items()}
            for option in registry.options({"_target_": name}):
                marks = getattr(known[option], "__metadata__", ())
                assert any(getattr(mark, "description", None) for mark in marks), f"{kind} {name}: {option}"
        assert options(kind)
