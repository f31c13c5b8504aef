"""Shared by the tests that go through the command line: tiny data, tiny networks, real code paths."""

import importlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

REPOSITORY = Path(__file__).parent.parent
TINY = (
    "dataset.size=[32,48]",
    "dataset.source.train=12",
    "dataset.source.test=6",
    "dataset.batch_size=4",
    "model.filters=[4,6,8,8]",
    "trainer=cpu",
    "trainer.max_epochs=1",
    "trainer.check_val_every_n_epoch=1",
    "trainer.precision=32-true",
    "pictures.count=1",
)
torch.set_num_threads(1)
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in a suite that a shell began in the background


@dataclass
class Result:
    """How a command ended."""

    code: int
    out: str


@dataclass
class Workspace:
    """A folder with embedded data and runs, and the command line on it."""

    root: Path
    capture: Callable[[], str]

    def command(self, module: str, *arguments: str) -> list[str]:
        """Give the full argument list of ``python -m src.<module>`` on this workspace's folders."""
        places = [f"paths.data={self.root}/data"]
        if module == "train":
            places += [
                f"paths.runs={self.root}/runs",
                f"hydra.sweep.dir={self.root}/runs/sweep-{os.urandom(4).hex()}",
            ]
            places = places if "-m" in arguments else places[:-1]
        return [*arguments, *places] if module in ("train", "prepare") else list(arguments)

    def call(self, module: str, *arguments: str) -> Result:
        """Run a command in this process, as ``python -m`` would."""
        self.capture()
        argv, sys.argv = sys.argv, [f"src/{module}.py", *self.command(module, *arguments)]
        try:
            importlib.import_module(f"src.{module}").main()
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
        finally:
            sys.argv = argv
        return Result(code, self.capture())

    def train(self, *arguments: str) -> Path:
        """Train with tiny settings and return the run directory; fails where the command does."""
        before = set(self.runs())
        result = self.call("train", *TINY, *arguments)
        assert result.code == 0, result.out
        new = sorted(set(self.runs()) - before)
        assert new, result.out
        return new[-1]

    def runs(self) -> list[Path]:
        """List all run directories."""
        return sorted(file.parent for file in (self.root / "runs").rglob("run.json"))

    def teacher(self, task: str) -> Path:
        """Return the first whole teacher of ``task``; other tests may have added later ones."""
        records = {run: read_json(run / "run.json") for run in self.runs()}
        whole = [run for run, r in records.items() if r["task"] == task and r["status"] == "finished"]
        return min(whole, key=lambda run: str(records[run]["started"]))

    def start(self, module: str, *arguments: str) -> subprocess.Popen[str]:
        """Start a command as a process of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", f"src.{module}", *self.command(module, *arguments)],
            cwd=REPOSITORY, env=os.environ | {"OMP_NUM_THREADS": "1"}, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, preexec_fn=_hear_interrupts,
        )  # fmt: skip

    def run(self, module: str, *arguments: str) -> Result:
        """Run a command as a process of its own."""
        process = self.start(module, *arguments)
        out = process.communicate(timeout=300)[0]
        return Result(process.returncode, out)


def _hear_interrupts() -> None:
    """A suite that a shell began in the background ignores SIGINT, and so would what it starts."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def read_json(path: Path) -> Any:
    return json.loads(path.read_text())


@pytest.fixture
def captured(capfd: pytest.CaptureFixture[str]) -> Callable[[], str]:
    def read() -> str:
        out, err = capfd.readouterr()
        return out + err

    return read


@pytest.fixture
def workspace(tmp_path: Path, captured: Callable[[], str]) -> Workspace:
    """An empty workspace."""
    return Workspace(tmp_path, captured)


@pytest.fixture(scope="session")
def trained_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with tiny rooms and a teacher of each task, trained for an epoch."""
    root = tmp_path_factory.mktemp("trained")
    shared = Workspace(root, str)
    result = shared.call("train", "-m", "stage=teacher", "task=semantic,depth,normal", *TINY)
    assert result.code == 0
    assert len(shared.runs()) == 3
    return root


@pytest.fixture
def trained(trained_root: Path, captured: Callable[[], str]) -> Workspace:
    """The workspace that has teachers; its runs are added to by tests, so they look only at their own."""
    return Workspace(trained_root, captured)
