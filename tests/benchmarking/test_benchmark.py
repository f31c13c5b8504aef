"""The benchmark through the command line, and what it counts."""

import json
from pathlib import Path

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from src.app.configuration.train import TrainConfig
from src.benchmarking.rates import step_flop
from src.benchmarking.subject import composed_training
from src.models.small import small
from tests.conftest import Workspace
from tests.tasks.usual import Depth, Normal

TASKS = {"depth": Depth(), "normal": Normal()}
QUICK = ("scenes=8", "size=[32,48]", "batch_sizes=[2]", "steps=3", "rounds=2", "warm_up=1")
TRAIN = '"model.filters=[4,6,8,8]","trainer=cpu"'


def composed(distillation: str) -> TrainConfig:
    options = [f"distillation={distillation}", "dataset.size=[32,48]", "model.filters=[4,6,8,8]"]
    return composed_training("distilled", options)[0]


def arguments(space: Workspace, *more: str) -> tuple[str, ...]:
    root = f'"dataset.root={space.root}/data"'
    return (*QUICK, f"train=[{TRAIN},{root}]", f"out={space.root}/out", *more)


@pytest.mark.long
def test_every_stage_and_data_mode_is_measured_and_written(workspace: Workspace) -> None:
    result = workspace.run("benchmark", *arguments(workspace, "data=[memmap,resident]"))
    assert result.code == 0, result.out
    assert "distilling adds" in result.out
    written = json.loads((workspace.root / "out" / "benchmark.json").read_text())
    rows = {(row["stage"], row["data"]): row for row in written["rows"]}
    assert set(rows) == {(s, d) for s in ("teacher", "multi-task", "distilled") for d in ("memmap", "resident")}
    for (stage, _), row in rows.items():
        assert len(row["seconds"]) == 2
        assert min(row["seconds"]) > 0
        assert row["images_per_second"] == pytest.approx(2 * 2 / sum(row["seconds"]), rel=1e-6)  # the median of two
        assert all((row["parts"][part] > 0) == (stage == "distilled") for part in ("teachers", "alignment"))
        assert row["parts"]["student"] > 0
        assert 0 < row["utilisation"] < 1
    assert rows["distilled", "memmap"]["gflop_per_step"] > rows["multi-task", "memmap"]["gflop_per_step"]
    assert {"commit", "command", "device", "threads"} <= set(written["machine"])
    page = (workspace.root / "out" / "benchmark.html").read_text()
    assert page.count("<rect") == 6
    assert "distilled, resident" in page
    assert "…" not in page
    assert (workspace.root / "out" / "benchmark.md").read_text().count("\n| ") == 6


@pytest.mark.long
def test_variants_are_compared_with_what_they_vary(workspace: Workspace) -> None:
    variants = 'variants={kept: ["teacher_cache=1"], wide: ["model.filters=[8,12,16,16]"]}'
    result = workspace.run("benchmark", *arguments(workspace, "stages=[multi-task,distilled]", variants))
    assert result.code == 0, result.out
    rows = json.loads((workspace.root / "out" / "benchmark.json").read_text())["rows"]
    flop = {(row["stage"], row["variant"]): row["gflop_per_step"] for row in rows}
    assert set(flop) == {(stage, name) for stage in ("multi-task", "distilled") for name in ("", "kept", "wide")}
    assert flop["multi-task", "kept"] == flop["multi-task", ""] == flop["distilled", "kept"] < flop["distilled", ""]
    assert flop["multi-task", "wide"] > flop["multi-task", ""]
    for line in ("distilled with kept runs at", "multi-task with wide runs at", "memmap, kept: distilling adds"):
        assert line in result.out


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ('variants={odd: ["no_such=1"]}', "no_such"),
        ("stages=[student]", "distilled"),
        ("data=[disk]", "resident"),
        ("steps=0", "at least 1"),
        ("network=no_such", "no_such"),
    ],
)
def test_what_cannot_be_measured_is_refused(workspace: Workspace, argument: str, message: str) -> None:
    result = workspace.call("benchmark", *arguments(workspace, argument))
    assert result.code == 1
    assert message in result.out
    assert "Traceback" not in result.out
    assert not (workspace.root / "out").exists()


def test_a_step_is_three_forward_passes_and_those_of_the_teachers() -> None:
    def forward(network: torch.nn.Module, until: str | None = None) -> int:
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            image = torch.randn(1, 3, 32, 48)
            network.features(image, until) if until else network(image)
        return counter.get_total_flops()

    student = small({"depth": 1, "normal": 3}, [4, 6, 8, 8])
    plain = step_flop(composed("none"), TASKS, None)
    assert plain == 3 * forward(student)
    distilled = step_flop(composed("matched"), TASKS, {"bottleneck"})
    online = step_flop(composed("online"), TASKS, {"bottleneck"})
    assert step_flop(composed("matched"), TASKS, {"bottleneck"}, kept=["depth", "normal"]) == plain
    assert online - plain == 3 * sum(forward(small({"depth": channels}, [4, 6, 8, 8])) for channels in (1, 3))
    assert distilled - plain == 2 * forward(small({"depth": 1}, [4, 6, 8, 8]), "bottleneck")


def test_resident_data_trains_to_the_same_weights(trained: Workspace, tmp_path: Path) -> None:
    options = (
        "stage=student",
        "distillation=none",
        "augmentation=scale_flip",
        "trainer.max_epochs=2",
        "pictures.count=0",
    )
    runs = [trained.train(*options, f"dataset.resident={resident}") for resident in ("false", "true")]
    states = [torch.load(run / "weights.pt", weights_only=True)["state_dict"] for run in runs]
    assert all(torch.equal(value, states[1][key]) for key, value in states[0].items())
    metrics = [json.loads((run / "metrics.json").read_text())["metrics"] for run in runs]
    assert metrics[0] == metrics[1]
