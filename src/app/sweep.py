"""The jobs of a sweep: what becomes of each, how far the sweep is, and a table at its end.

Jobs may run in processes, and on machines, of their own, so each writes what becomes of it into a file.
"""

import json
import os
import shutil
import signal
import socket
import sys
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from src.app.sweep_table import table, time_left
from src.foundation.files import write_json
from src.runs.directory import is_first_process

FOLDER = "MTL_DISTILLATION_SWEEP"
"""The environment variable by which the jobs of a sweep know its folder."""
SUCCESS = ("finished", "partial", "already trained")
GRACE = 30.0
"""Seconds in which jobs that are interrupted may save."""


@dataclass
class Job:
    """A job and what became of it.

    ``outcome``: not started, running, finished, partial, already trained, failed, diverged, interrupted or lost.
    """

    number: int
    overrides: list[str]
    outcome: str = "running"
    directory: str | None = None
    error: str | None = None
    objective: float | None = None
    seconds: float = 0.0
    process: int = field(default_factory=os.getpid)
    host: str = field(default_factory=socket.gethostname)
    slurm: str | None = field(default_factory=lambda: os.environ.get("SLURM_JOB_ID"))
    began: float = field(default_factory=time.time)

    @property
    def alive(self) -> bool:
        """Whether the job runs in another process of this machine."""
        here = self.host == socket.gethostname() and self.process != os.getpid()
        return self.outcome == "running" and here and _lives(self.process)


class Sweep:
    """A sweep's jobs, in files below its folder while they run and in its sweep.json afterwards."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.files = folder, folder / ".jobs"

    @classmethod
    def current(cls) -> "Sweep | None":
        """Return the sweep that this process belongs to; None in a single run."""
        return cls(Path(os.environ[FOLDER])) if FOLDER in os.environ else None

    @property
    def planned(self) -> bool:
        """Whether Hydra's own sweeper names all jobs beforehand; another learns from one what the next shall be."""
        return (self.files / "planned").exists()

    def jobs(self) -> list[Job]:
        """Read all jobs, in their order."""
        read = [Job(**json.loads(file.read_text())) for file in self.files.glob("[0-9]*.json")]
        return sorted(read, key=lambda job: job.number)

    def write(self, job: Job) -> None:
        """Write what is known of a job; one process of several writes."""
        if is_first_process():
            write_json(self.files / f"{job.number}.json", asdict(job))

    def begin(self, number: int, overrides: list[str]) -> Job:
        """Begin a job, with a line of progress; a job that a launcher starts after the sweep has ended exits."""
        if (self.folder / "sweep.json").exists():
            sys.exit(130)
        job, others = Job(number, overrides), [other for other in self.jobs() if other.number != number]
        self.write(job)
        of = f" of {len(others) + 1}" if self.planned else ""
        took = [other.seconds for other in others if other.outcome in ("finished", "partial")]
        left = sum(other.outcome == "not started" for other in others) + 1
        about = f", about {time_left(sum(took) / len(took) * left)} left" if took and of else ""
        print(f"job {number + 1}{of}{about}: {' '.join(varying(job, others))}", flush=True)
        return job

    def end(self, job: Job, outcome: str, error: str | None = None) -> None:
        """Write how a job ended; an outcome that the command has set by itself stays."""
        job.outcome = outcome if job.outcome == "running" else job.outcome
        job.error, job.seconds = error, round(time.time() - job.began, 1)
        self.write(job)

    def close(self) -> list[Job]:
        """End the sweep and the jobs that still run on this machine, print its table and return its jobs."""
        _interrupt([job for job in self.jobs() if job.alive])
        jobs = self.jobs()
        for job in jobs:
            if job.outcome == "running" and job.host == socket.gethostname():
                job.outcome = "lost"
        if not jobs:
            return jobs
        print(_table(jobs), flush=True)
        for job in jobs:
            if job.error:
                lines = job.error.splitlines()
                told = "\n".join(lines[:1] if job.process == os.getpid() else lines)  # told before in this process
                print(f"job {job.number + 1}: {told}", file=sys.stderr)
            elif job.outcome == "running" and job.slurm:
                print(f"job {job.number + 1} is still in Slurm's hands: scancel {job.slurm}", file=sys.stderr)
        self._keep(jobs)
        return jobs

    def _keep(self, jobs: list[Job]) -> None:
        """Put the files of jobs into one, or remove the folder of a sweep that has trained nothing."""
        if self.folder.is_dir():
            write_json(self.folder / "sweep.json", [asdict(job) for job in jobs])
        for file in self.files.glob("*"):
            file.unlink()
        with suppress(OSError):
            self.files.rmdir()
        idle = {"multirun.yaml", "sweep.json"}
        if all(job.outcome == "already trained" for job in jobs):
            idle.add(".submitit")  # logs, which are of use where something has failed
        if self.folder.is_dir() and {path.name for path in self.folder.iterdir()} <= idle:
            shutil.rmtree(self.folder)


def _table(jobs: list[Job]) -> str:
    """Lay out the jobs, with their objectives where there are any."""
    columns = {
        "job": [str(job.number + 1) for job in jobs],
        "outcome": [job.outcome for job in jobs],
        "objective": ["-" if job.objective is None else f"{job.objective:.5g}" for job in jobs],
        "overrides": [" ".join(varying(job, jobs)) or "-" for job in jobs],
        "directory": [job.directory or "-" for job in jobs],
    }
    if all(job.objective is None for job in jobs):
        del columns["objective"]
    return table(list(columns), list(zip(*columns.values(), strict=True)))


def varying(job: Job, others: list[Job]) -> list[str]:
    """Select the overrides that not all jobs have in common; all of an only job."""
    common = set.intersection(*(set(other.overrides) for other in others)) if others else set()
    own = [override for override in job.overrides if override not in common]
    return own or ([] if len(others) > 1 else job.overrides)


def _interrupt(jobs: list[Job]) -> None:
    """Interrupt jobs in other processes and give them time to save."""
    for job in jobs:
        with suppress(ProcessLookupError):
            os.kill(job.process, signal.SIGINT)
    end = time.monotonic() + GRACE
    while time.monotonic() < end and any(_lives(job.process) for job in jobs):
        time.sleep(0.1)


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True
