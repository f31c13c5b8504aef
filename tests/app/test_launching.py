"""Processes that something else starts: torchrun, Slurm, and a process for each run of a sweep."""

import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

from src.app.command import read_checked
from src.app.composing import composed_values
from src.app.configuration.train import TrainConfig
from src.app.rules import Request, broken_rules
from tests.conftest import REPOSITORY, TINY, Workspace, read_json

TWO = ("trainer=ddp", "trainer.accelerator=cpu", "dataset.batch_size=2", "pictures.count=0")
SETTINGS = [o for o in TINY if not o.startswith(("trainer=", "dataset.batch_size", "pictures"))] + [*TWO]
NODES = ("trainer.devices=1", "trainer.num_nodes=2")
TRAIN = ("stage=student", "loss_weights=dwa")


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def together(commands: Sequence[Sequence[str]], places: Sequence[dict[str, str]]) -> str:
    """Run commands at the same time, each as a node of its own; fails where one does."""
    nodes = [
        subprocess.Popen(
            [*command], cwd=REPOSITORY, env=os.environ | {"OMP_NUM_THREADS": "1"} | place, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )
        for command, place in zip(commands, places, strict=True)
    ]  # fmt: skip
    output = [node.communicate(timeout=300)[0] for node in nodes]
    assert [node.returncode for node in nodes] == [0] * len(nodes), "\n\n".join(output)
    return "\n".join(output)


def by_torchrun(workspace: Workspace, *arguments: str) -> str:
    port = free_port()
    launcher = (sys.executable, "-m", "torch.distributed.run", "--nnodes=2", "--nproc-per-node=1")
    at = ("--master-addr=127.0.0.1", f"--master-port={port}")
    train = ("-m", "src.train", *workspace.command("train", *arguments))
    return together([(*launcher, f"--node-rank={node}", *at, *train) for node in range(2)], [{}, {}])


def by_slurm(workspace: Workspace, *arguments: str, **more: str) -> str:
    """Start what srun would, with the variables that it sets."""
    common = {
        "SLURM_JOB_ID": "4242", "SLURM_STEP_ID": "7", "SLURM_JOB_NAME": "train", "SLURM_NTASKS": "2",
        "SLURM_NTASKS_PER_NODE": "1", "SLURM_NNODES": "2", "SLURM_LOCALID": "0", "SLURM_NODELIST": "127.0.0.1",
        "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), **more,
    }  # fmt: skip
    train = (sys.executable, "-m", "src.train", *workspace.command("train", *arguments))
    places = [common | {"SLURM_PROCID": str(node), "SLURM_NODEID": str(node)} for node in range(2)]
    return together([train, train], places)


def new_run(workspace: Workspace, before: set[Path]) -> Path:
    (run,) = set(workspace.runs()) - before
    return run


def same(one: Path, other: Path) -> None:
    first, second = (torch.load(run / "weights.pt", weights_only=True)["state_dict"] for run in (one, other))
    for name, value in first.items():
        torch.testing.assert_close(second[name], value, rtol=0, atol=1e-6)
    assert read_json(one / "metrics.json")["metrics"] == pytest.approx(read_json(other / "metrics.json")["metrics"])


@pytest.mark.long
def test_two_nodes_train_what_two_processes_of_one_node_train(trained: Workspace) -> None:
    before = set(trained.runs())
    result = trained.run("train", *SETTINGS, *TRAIN, "trainer.devices=2")
    assert result.code == 0, result.out
    one_node = new_run(trained, before)
    for launch in (by_torchrun, by_slurm):
        before = set(trained.runs())
        output = launch(trained, *SETTINGS, *TRAIN, *NODES)
        assert output.count("finished in") == 1
        run = new_run(trained, before)
        assert {folder.name for folder in run.parent.iterdir()} >= {run.name}
        same(one_node, run)


@pytest.mark.long
def test_a_requeued_job_goes_on_where_it_was(trained: Workspace) -> None:
    settings = [o for o in SETTINGS if "max_epochs" not in o]
    arguments = (*settings, "stage=student", "distillation=none", *NODES)
    before = set(trained.runs())
    by_slurm(trained, *arguments, "trainer.max_epochs=2", SLURM_JOB_ID="1")
    whole = new_run(trained, before)
    before = set(trained.runs())
    by_slurm(trained, *arguments, "trainer.max_epochs=2", "trainer.max_steps=3", SLURM_JOB_ID="2")
    half = new_run(trained, before)
    config, record = half / "config.yaml", half / "run.json"
    config.write_text(config.read_text().replace("max_steps: 3", "max_steps: -1"))
    record.write_text(record.read_text().replace('"finished"', '"interrupted"'))
    by_slurm(trained, *arguments, "trainer.max_epochs=2", SLURM_JOB_ID="2", SLURM_RESTART_COUNT="1")
    same(whole, half)


def test_each_run_of_a_sweep_in_a_process_of_its_own(trained: Workspace) -> None:
    """One job is refused and one lost, and the others are none the worse for it."""
    pytest.importorskip("hydra_plugins.hydra_submitit_launcher")
    before = set(trained.runs())
    extensions = "extensions=[],[tests.app.no_such_module],[tests.app.out_of_memory]"
    settings = ("hydra/launcher=processes", *TINY, "stage=student", "adaptor=linear", extensions)
    result = trained.run("train", "-m", *settings)
    assert result.code == 1
    assert "extensions names tests.app.no_such_module" in result.out
    assert "Traceback" not in result.out
    (run,) = set(trained.runs()) - before
    assert read_json(run / "run.json")["status"] == "finished"
    table = [line.split()[:2] for line in result.out.splitlines() if line[:2] in ("1 ", "2 ", "3 ")]
    assert table == [["1", "finished"], ["2", "failed"], ["3", "lost"]]


def test_slurms_own_processes_may_share_a_job_of_a_sweep(monkeypatch: pytest.MonkeyPatch) -> None:
    values = composed_values("train", ["stage=student", "trainer=ddp", "trainer.devices=4"])
    config = read_checked(TrainConfig, values, [], None)

    def refused() -> bool:
        return any("multirun" in mistake.what for mistake in broken_rules(Request(config, [], multirun=True)))

    assert refused()
    monkeypatch.setenv("SUBMITIT_EXECUTOR", "slurm")
    assert refused()  # one task, of which Lightning would launch more
    monkeypatch.setenv("SLURM_NTASKS", "4")
    assert not refused()
