"""Regimes and options of distillation through the command line, and what online distillation promises."""

import csv
import math
from functools import partial
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
import torch

from src.distillation.adaptors.linear import linear
from src.distillation.adaptors.shared import Shared
from src.distillation.alignment import Alignment
from src.distillation.base import AdaptorTraining, TrainingStep
from src.distillation.distances.l2 import l2
from src.distillation.levels import read_levels
from src.distillation.online import OnlineDistillation
from src.foundation.errors import UserError
from src.loss_weights.fixed import Fixed
from src.models.small import small
from src.training.multi_task import MultiTaskModule
from src.training.schedules import Constant
from tests.conftest import TINY, Workspace, read_json
from tests.tasks.usual import Depth, Normal, Semantic

TASKS = {"semantic": Semantic(5), "depth": Depth(), "normal": Normal()}
LEVELS = {"bottleneck": "bottleneck", "decoder": "decoder"}


def columns(run: Path) -> str:
    return (run / "metrics.csv").read_text().splitlines()[0]


@pytest.mark.parametrize(
    "options",
    [
        ("distillation=online",),
        ("distillation=online", "loss_weights=mgda", "distillation.include_in_weighting=true"),
        ("distillation=ladder",),
        (
            "distillation=online",
            "distillation.ladder=true",
            "distillation.levels=[encoder2:decoder,encoder3:decoder,bottleneck:decoder,decoder]",
        ),
        ("distillation=online", "loss_weights=famo"),
        ("distillation=output",),
        ("distillation.standardise=channel",),
        ("distillation.standardise=phi_s", "distance=l2"),
        ("distillation.teacher_dropout=0.5", "distillation.adaptive_weights=0.5", "distillation.output_weight=0.5"),
        (
            "distillation.teacher_dropout=0.5",
            "distillation.teacher_dropout_by=image",
            "distillation.output_weight=1",
            "distance=cosine_smooth_l1",
            "adaptor=transformer",
            "distillation.adaptor_warmup=0.5",
        ),
        ("distillation.inverted=true", "adaptor=mlp", "distance=local_similarity"),
        ("distillation.levels=[decoder]",),
        ("distillation.levels=[encoder2:decoder,bottleneck]", "adaptor=low_rank"),
        ("labels=full", "adaptor=shared", "distance=attention"),
    ],
    ids=" ".join,
)
def test_every_option_trains_to_finite_metrics(trained: Workspace, options: tuple[str, ...]) -> None:
    run = trained.train("stage=student", *options, "pictures.count=0")
    assert all(math.isfinite(value) for value in read_json(run / "metrics.json")["metrics"].values())
    state = torch.load(run / "weights.pt", weights_only=True)["state_dict"]
    assert not [key for key in state if "teacher" in key or "single" in key or "adaptor" in key]


def test_what_was_asked_is_what_is_logged(trained: Workspace) -> None:
    run = trained.train("stage=student", "distillation=output", "pictures.count=0")
    assert "train/output/depth" in columns(run)
    assert "train/align" not in columns(run)
    run = trained.train("stage=student", "distillation.adaptive_weights=1", "pictures.count=0")
    assert "train/teacher_weight/depth" in columns(run)
    run = trained.train("stage=student", "distillation=online", "distillation.fade_in=1", "pictures.count=0")
    (epoch,) = csv.DictReader((run / "metrics.csv").open())
    assert float(epoch["train/pull/align"]) == pytest.approx((0 + 1 / 3 + 2 / 3) / 3)
    for column in ("train/single_loss/depth", "train/task_weight/depth", "train/level_share/depth/decoder"):
        assert column in columns(run)
    assert read_json(run / "run.json")["teachers"] == {}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("distillation.levels=[]",), "distillation.output_weight=1"),
        (("distillation.levels=[decoder,decoder:bottleneck]",), "twice"),
        (("distillation.levels=decoder",), "distillation.levels=decoder is not a list or a mapping"),
        (("distillation.levels=[decoder:middle]",), "middle"),
        (("distillation._target_=sometimes",), "online"),
        (("distillation.standardise=most",), "phi_s"),
        (("distillation.inverted=true", "distillation.ladder=true"), "exclude each other"),
        (("distillation.inverted=true", "adaptor=shared"), "adaptor=linear"),
        (("distillation=online", "distillation.teacher_dropout=0.1"), "no key distillation.teacher_dropout"),
        (("distillation=online", "distillation.levels=[]"), "nothing to distil"),
        (("distillation=online", "teacher.seed=0"), "teacher.seed=null"),
        (("distillation=kd4mtl", "distillation._target_=online"), "no key distillation.teacher_batchnorm"),
        (("distillation.teacher_dropout_by=image",), "distillation.teacher_dropout=0.5"),
        (("distillation.adaptor_warmup=1",), "leaves no epoch"),
        (("distillation=output", "distillation.adaptor_warmup=0.5"), "no feature is aligned"),
        (("distillation.fade_in=-1",), "distillation.fade_in=-1 is not at least 0"),
        (("distillation.temperature=0",), "distillation.temperature=0 is not above 0"),
        (("distillation.teacher_dropout=2",), "distillation.teacher_dropout=2 is not at most 1"),
        (("distillation.adaptive_weights=-0.1",), "distillation.adaptive_weights=-0.1 is not at least 0"),
        (("distillation.output_weight=-1",), "distillation.output_weight=-1 is not at least 0"),
        (("labels=some",), "labels=some is not one of full, random, one"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_what_makes_no_sense_is_refused(trained: Workspace, options: tuple[str, ...], message: str) -> None:
    before = trained.runs()
    result = trained.call("train", *TINY, "stage=student", *options)
    assert result.code == 1
    assert message in result.out
    assert "Traceback" not in result.out
    assert trained.runs() == before


def test_one_label_an_image_for_teachers_and_student_alike(workspace: Workspace) -> None:
    result = workspace.call("train", "-m", *TINY, "labels=one", "stage=teacher", "task=semantic,depth,normal")
    assert result.code == 0, result.out
    result = workspace.call("train", *TINY, "stage=student")
    assert result.code == 1
    assert "supervision is one, not full" in result.out
    result = workspace.call("train", *TINY, "stage=student", "labels=one", "tasks=[semantic,depth]")
    assert result.code == 1
    assert "supervised_tasks is [depth, normal, semantic], not [depth, semantic]" in result.out
    student = workspace.train("stage=student", "labels=one")
    kept = read_json(student / "labels.json")
    assert sorted(image for images in kept.values() for image in images) == list(
        range(read_json(student / "run.json")["train_images"])
    )
    for task, path in read_json(student / "run.json")["teachers"].items():
        assert read_json(Path(path) / "labels.json") == {task: kept[task]}


def test_levels_are_read_from_mappings_and_lists() -> None:
    assert read_levels({"a": "b"}) == {"a": "b"}
    assert read_levels(["a", "b:c"]) == {"a": "a", "b": "c"}
    assert read_levels([]) == {}
    for wrong in (None, "a", 3, ["a", "a:b"]):
        with pytest.raises(UserError):
            read_levels(wrong)


def features(seed: int) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {
        "bottleneck": torch.randn(2, 6, 3, 4, generator=generator),
        "decoder": torch.randn(2, 5, 12, 16, generator=generator),
    }


CHANNELS = {"bottleneck": 6, "decoder": 5}


def test_a_ladder_sums_adapted_levels_before_it_compares_them() -> None:
    levels = {"bottleneck": "decoder", "decoder": "decoder"}
    alignment = Alignment(CHANNELS, {"depth": CHANNELS}, {"depth": levels}, linear, l2, ladder=True)
    student, teacher = features(0), features(1)
    low = torch.nn.functional.interpolate(
        alignment.adaptors["depth"]["bottleneck"](student["bottleneck"]), (12, 16), mode="bilinear"
    )
    high = alignment.adaptors["depth"]["decoder"](student["decoder"])
    expected = (low + high - teacher["decoder"]).square().mean()
    torch.testing.assert_close(alignment(student, {"depth": teacher})["depth"], expected)
    assert alignment.compared("depth") == ["decoder"]


def test_an_inverted_projection_adapts_the_teacher_and_leaves_it_without_gradient() -> None:
    teacher_channels = {"bottleneck": 9, "decoder": 7}
    alignment = Alignment(CHANNELS, {"depth": teacher_channels}, {"depth": LEVELS}, linear, l2, inverted=True)
    student = {k: v.requires_grad_() for k, v in features(0).items()}
    teacher = {"bottleneck": torch.randn(2, 9, 3, 4), "decoder": torch.randn(2, 7, 12, 16)}
    expected = sum((student[s] - alignment.adaptors["depth"][s](teacher[s])).square().mean() for s in LEVELS)
    loss = alignment(student, {"depth": teacher})["depth"]
    torch.testing.assert_close(loss, expected)
    loss.backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in alignment.parameters())
    assert all(v.grad is not None for v in student.values())


def test_standardised_teachers_are_what_the_student_is_compared_with() -> None:
    alignment = Alignment(CHANNELS, {"depth": CHANNELS}, {"depth": LEVELS}, linear, l2, standardise="channel")
    teacher = {k: 3 * v + 7 for k, v in features(1).items()}
    for level in LEVELS:
        alignment.standardisers[f"depth/{level}"].observe(teacher[level])
        alignment.standardisers[f"depth/{level}"].close()
    for pair in alignment.pairs(features(0), {"depth": teacher}):
        assert pair.teacher_side.mean((0, 2, 3)).abs().max() < 1e-5
        torch.testing.assert_close(pair.teacher_side.var((0, 2, 3), correction=0), torch.ones(CHANNELS[pair.level]))


def test_a_shared_adaptor_is_counted_once_and_needs_teachers_alike() -> None:
    teachers = {"depth": CHANNELS, "normal": CHANNELS}
    alignment = Alignment(CHANNELS, teachers, dict.fromkeys(teachers, LEVELS), Shared(), l2)
    assert sum(p.numel() for p in alignment.parameters()) == 6 * 6 + 5 * 5 + 2 * (6 + 5)


def make_online(tau: float = 1.0) -> tuple[OnlineDistillation, TrainingStep]:
    torch.manual_seed(0)
    filters = [4, 6, 8, 8]
    student = small({name: task.channels for name, task in TASKS.items()}, filters)
    singles = {name: small({name: task.channels}, filters) for name, task in TASKS.items()}
    channels = student.trunk.channels
    alignment = Alignment(channels, dict.fromkeys(TASKS, channels), dict.fromkeys(TASKS, LEVELS), linear, l2)
    online = OnlineDistillation(
        singles, TASKS, tau, alignment=alignment, weights={"normal": 2.0}, adaptors=AdaptorTraining({}, Constant())
    )
    normal = torch.nn.functional.normalize(torch.randn(2, 3, 32, 48), dim=1)
    image = torch.randn(2, 3, 32, 48)
    batch = {"image": image, "semantic": torch.randint(0, 5, (2, 32, 48)), "depth": torch.rand(2, 1, 32, 48) + 1}
    batch["normal"] = normal
    seen = student.features(image)
    raw = student.predict(seen, (32, 48))
    losses = {name: task.loss(raw[name], batch[name]) for name, task in TASKS.items()}
    return online, TrainingStep(batch, seen, raw, losses)


def test_online_distillation_reaches_the_student_and_not_the_single_task_networks() -> None:
    online, step = make_online()
    distilled = online(step)
    torch.stack(list(distilled.losses.values())).sum().backward(retain_graph=True)
    assert all(p.grad is None for p in online.network_parameters())
    assert all(p.grad is not None for p in online.auxiliary_parameters())
    distilled.auxiliary_loss.backward()
    assert all(p.grad is not None for p in online.network_parameters())
    expected = sum(
        task.loss(online.single_task_networks[name](step.batch["image"])[name], step.batch[name])
        for name, task in TASKS.items()
    )
    torch.testing.assert_close(distilled.auxiliary_loss, expected)


def test_online_shares_start_even_and_move_towards_the_nearest_level() -> None:
    online, step = make_online()
    distances = online.alignment.distances(step.features, online.teacher_features(step.batch["image"]))
    distilled = online(step)
    for name in TASKS:
        even = sum(distances[name].values()) * (2.0 if name == "normal" else 1.0)
        torch.testing.assert_close(distilled.losses[name], even)
    distilled.losses["depth"].backward()
    values = torch.stack([distances["depth"][level] for level in LEVELS])
    assert online.shares["depth"].grad.argmin() == values.argmin()


def test_online_task_weights_sum_to_the_tasks_and_act_on_the_step() -> None:
    online, step = make_online()
    distilled = online(step)
    weights = torch.stack(list(distilled.task_weights.values()))
    assert weights.sum().item() == pytest.approx(3, rel=1e-5)
    assert not weights.requires_grad
    ratios = torch.stack([step.losses[n] / distilled.logged["single_loss"][n] for n in TASKS])
    torch.testing.assert_close(weights, 3 * ratios.softmax(0).detach())
    even = torch.stack(list(make_online(tau=1e6)[0](step).task_weights.values()))
    torch.testing.assert_close(even, torch.ones(3), atol=1e-4, rtol=0)

    module = MultiTaskModule(
        weighting=Fixed(list(TASKS)), distillation=online,
        network=small({name: task.channels for name, task in TASKS.items()}, [4, 6, 8, 8]), tasks=TASKS,
        build_optimiser=partial(torch.optim.Adam, lr=1e-3), schedule=Constant(),
    ).eval()  # fmt: skip
    module.log_dict, module.trainer = Mock(), Mock(max_epochs=1, global_step=0)
    total = module.training_step(step.batch, 0)
    losses, again = module._losses(step.batch, online)
    expected = sum(again.task_weights[n] * losses[n] for n in TASKS) + sum(again.losses.values()) + again.auxiliary_loss
    torch.testing.assert_close(total, expected)


def test_outputs_are_distilled_by_each_tasks_own_measure() -> None:
    raw, teacher = torch.randn(2, 5, 4, 6), torch.randn(2, 5, 4, 6)

    def soft(x: np.ndarray) -> np.ndarray:
        e = np.exp(x / 3)
        return e / e.sum(1, keepdims=True)

    p, q = soft(teacher.double().numpy()), soft(raw.double().numpy())
    expected = 9 * (p * np.log(p / q)).sum(1).mean()
    assert TASKS["semantic"].output_distillation_loss(raw, teacher, 3.0).item() == pytest.approx(expected, rel=1e-5)
    raw, teacher = torch.randn(2, 1, 4, 6), torch.randn(2, 1, 4, 6)
    assert TASKS["depth"].output_distillation_loss(raw, teacher, 3.0).item() == pytest.approx(
        (raw - teacher).abs().mean().item()
    )
    raw, teacher = torch.randn(2, 3, 4, 6), torch.randn(2, 3, 4, 6)
    cosine = torch.nn.functional.cosine_similarity(raw, teacher, dim=1).mean().item()
    assert TASKS["normal"].output_distillation_loss(raw, 5 * teacher, 3.0).item() == pytest.approx(1 - cosine, rel=1e-5)


@pytest.mark.parametrize(
    "options",
    [
        ("distillation=online",),
        (
            "distillation.standardise=phi_s",
            "distillation.teacher_dropout=0.5",
            "distillation.teacher_dropout_by=image",
            "distillation.adaptive_weights=0.5",
            "distillation.fade_in=1.5",
            "teacher.other={network: timm, backbone: resnet10t, levels: ['decoder:encoder2']}",
            "teacher.normal=none",
        ),
    ],
    ids=["online", "everything"],
)
def test_a_resumed_run_ends_as_one_that_was_not_stopped(trained: Workspace, options: tuple[str, ...]) -> None:
    """Stopped after the first of two epochs, by a record and a checkpoint that say so."""
    short = ("stage=student", *options, "pictures.count=0", "schedule=constant")
    constant = "distillation.adaptor_schedule._target_=constant"
    whole = trained.train(*short, constant, "trainer.max_epochs=2")
    stopped = trained.train(*short, constant, "trainer.max_epochs=1")
    config = (stopped / "config.yaml").read_text()
    (stopped / "config.yaml").write_text(config.replace("max_epochs: 1", "max_epochs: 2"))
    record = (stopped / "run.json").read_text()
    (stopped / "run.json").write_text(record.replace('"status": "finished"', '"status": "interrupted"'))
    result = trained.call("train", f"resume={stopped}")
    assert result.code == 0, result.out
    for key in ("teachers", "changed"):
        now, expected = (str(read_json(run / "run.json")[key]) for run in (stopped, whole))
        assert now.replace("max_epochs': 1", "max_epochs': 2") == expected
    states = [torch.load(run / "weights.pt", weights_only=True)["state_dict"] for run in (whole, stopped)]
    assert all(torch.equal(value, states[1][key]) for key, value in states[0].items())


def test_a_sweep_of_adaptors_and_distances_ends_with_one_table(trained: Workspace, tmp_path: Path) -> None:
    before = set(trained.runs())
    result = trained.call(
        "train", "-m", *TINY, "stage=student", "adaptor=linear,low_rank", "distance=normalised,channel_kl"
    )
    assert result.code == 0, result.out
    new = [str(run) for run in trained.runs() if run not in before]
    assert len(new) == 4
    result = trained.call("report", f"runs=[{','.join(new)}]", f"out={tmp_path}")
    assert result.code == 0, result.out
    table = (tmp_path / "comparison.md").read_text()
    for method in ("(matched)", "(matched, low_rank)", "(matched, channel_kl)", "(matched, low_rank, channel_kl)"):
        assert table.count(f"| distilled {method} |") == 2  # in the table of metrics and in that of classes
