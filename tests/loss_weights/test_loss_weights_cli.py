"""Every loss weighting through the command line, alone and on two processes."""

import csv
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.conftest import REPOSITORY, TINY, Workspace, read_json
from tests.loss_weights.test_loss_weights import EVERY, NAMES, SOLVERS, missing

DDP = ("trainer=ddp", "trainer.accelerator=cpu", "dataset.batch_size=2")
HAS_WEIGHTS = [name for name in NAMES if name not in ("graddrop", "config")]


@pytest.mark.parametrize("name", EVERY)
def test_every_weighting_trains_with_distillation(trained: Workspace, name: str) -> None:
    run = trained.train("stage=student", f"loss_weights={name}", "trainer.precision=bf16-mixed", "pictures.count=0")
    assert all(math.isfinite(value) for value in read_json(run / "metrics.json")["metrics"].values())
    assert read_json(run / "run.json")["names"]["loss_weights"] == name
    header = (run / "metrics.csv").read_text().splitlines()[0]
    assert ("train/weight/depth" in header) == (name in HAS_WEIGHTS)


@pytest.mark.parametrize("name", ["famo", "db_mtl", "pcgrad"])
def test_what_is_balanced_may_include_alignment_under_accumulation(trained: Workspace, name: str) -> None:
    balanced = (
        "distillation.include_in_weighting=true",
        "trainer.accumulate_grad_batches=2",
        "trainer.gradient_clip_val=1.0",
    )
    run = trained.train("stage=student", f"loss_weights={name}", *balanced, "pictures.count=0")
    assert all(math.isfinite(value) for value in read_json(run / "metrics.json")["metrics"].values())


@pytest.mark.parametrize("name", ["uncertainty", "mgda"])
def test_weights_at_the_size_of_the_plain_sum_are_what_is_logged_and_recorded(trained: Workspace, name: str) -> None:
    normalised = (f"loss_weights={name}", "loss_weights.normalise=true", "distillation.include_in_weighting=true")
    run = trained.train("stage=student", *normalised, "trainer.accumulate_grad_batches=2", "pictures.count=0")
    assert yaml.safe_load((run / "config.yaml").read_text())["loss_weights"]["normalise"] is True
    assert read_json(run / "run.json")["changed"]["loss_weights.normalise"] is True
    (row,) = csv.DictReader((run / "metrics.csv").open())
    weights = [float(value) for key, value in row.items() if key.startswith("train/weight/")]
    assert len(weights) == 3
    if name == "uncertainty":
        assert sum(weights) == pytest.approx(3, rel=1e-4)


def test_a_gradient_method_trains_a_compiled_trunk(trained: Workspace) -> None:
    trained.train(
        "stage=student",
        "loss_weights=mgda",
        "loss_weights.normalise=true",
        "compile=true",
        "compile_backend=aot_eager",
        "pictures.count=0",
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("loss_weights=sdmgrad", "distillation.include_in_weighting=true"), "distillation.include_in_weighting=false"),
        (("loss_weights=sdmgrad", "distillation=none", "dataset.batch_size=1"), "dataset.batch_size=2"),
        (("loss_weights=pcgrad", "trainer.precision=16-mixed"), "bf16-mixed"),
    ],
)
def test_what_a_weighting_cannot_do_is_refused(trained: Workspace, arguments: tuple[str, ...], message: str) -> None:
    tiny = [option for option in TINY if not any(a.startswith(option.split("=")[0] + "=") for a in arguments)]
    result = trained.call("train", *tiny, "stage=student", *arguments)
    assert result.code == 1
    assert message in result.out
    assert "Traceback" not in result.out


@pytest.mark.parametrize("name", [name for name in SOLVERS if missing(name)])
def test_a_missing_solver_is_told_before_anything_runs(trained: Workspace, name: str) -> None:
    before = trained.runs()
    result = trained.call("train", *TINY, "stage=student", f"loss_weights={name}")
    assert result.code == 1
    assert "pip install --editable '.[balancing]'" in result.out
    assert SOLVERS[name][0] in result.out
    assert "Traceback" not in result.out
    assert trained.runs() == before


@pytest.mark.parametrize(
    "name", ["famo", *(pytest.param(name, marks=pytest.mark.long) for name in ("random", "db_mtl"))]
)
def test_two_processes_train(trained: Workspace, name: str) -> None:
    options = (f"loss_weights={name}", "loss_weights.normalise=true", "trainer.strategy.static_graph=true")
    result = trained.run("train", *TINY, *DDP, "stage=student", *options, "pictures.count=0")
    assert result.code == 0, result.out


RANK = """
import sys, torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel
from src.loss_weights.normalised import finish
from tests.loss_weights.test_loss_weights import NAMES, Toy, build, missing

class Step(nn.Module):
    def __init__(self, weighting):
        super().__init__()
        self.toy, self.weighting = Toy(), weighting
    def forward(self, scale):
        losses = self.toy.losses(self.weighting.parts)
        return self.weighting.combine(losses * scale if losses.ndim == 1 else losses * scale[:, None],
                                      self.toy.parameters_behind)

rank = int(sys.argv[1])
distributed.init_process_group("gloo", init_method=sys.argv[2], rank=rank, world_size=2)
scales = torch.tensor([[1.0, 3.0], [2.0, 0.5]])
for name, normalise in [(name, normalise) for name in NAMES for normalise in (False, True)]:
    if missing(name):
        continue
    torch.manual_seed(rank)
    step = Step(finish(build(name), normalise))
    parallel = DistributedDataParallel(step)
    optimiser = torch.optim.SGD(step.parameters(), lr=1e-3)
    for _ in range(4):
        optimiser.zero_grad()
        parallel(scales[rank]).backward()
        optimiser.step()
        if step.weighting.needs_losses_after_step:
            step.weighting.after_step(step.toy.losses().detach() * scales[rank])
        step.weighting.end_epoch()
    weights = step.weighting.weights()
    state = [step.toy.shared.detach(), *([weights.detach().clone()] if weights is not None else [])]
    state += [v.flatten() for v in step.weighting.state_dict().get("_extra_state", {}).values()]
    mine = torch.cat([v.float().flatten() for v in state])
    other = mine.clone()
    distributed.broadcast(other, src=0)
    print(name, "agrees" if torch.equal(mine, other) else f"differs {mine} {other}", flush=True)
distributed.destroy_process_group()
"""


def test_processes_with_different_losses_agree_on_every_weighting(tmp_path: Path) -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", RANK, str(rank), f"file://{tmp_path}/meet"], cwd=REPOSITORY, text=True,
            env=os.environ | {"OMP_NUM_THREADS": "1"}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )
        for rank in range(2)
    ]  # fmt: skip
    outs = [process.communicate(timeout=120)[0] for process in processes]
    available = [name for name in NAMES if not missing(name)]
    for out in outs:
        agreed = [line.split()[0] for line in out.splitlines() if line.endswith(" agrees")]
        assert agreed == [name for name in available for _ in range(2)], out
