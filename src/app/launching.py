"""How a sweep begins, goes on after a job that failed or was lost, and ends."""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra._internal.utils import get_args_parser
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.utils import JobReturn, JobStatus
from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from src.app.overrides import plain
from src.app.sweep import FOLDER, SUCCESS, Job, Sweep


class JobFailedError(Exception):
    """A job of a sweep has failed, and its mistake has been told."""


class PlannedJobs(Callback):
    """Lets the jobs of a sweep know its folder, and writes all of them down where Hydra's own sweeper names them."""

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        """Write down the jobs."""
        sweep = Sweep(Path(config.hydra.sweep.dir).absolute())
        os.environ[FOLDER] = str(sweep.folder)
        (sweep.folder / "sweep.json").unlink(missing_ok=True)
        if config.hydra.sweeper._target_.endswith("BasicSweeper"):
            params = [f"{key}={value}" for key, value in (config.hydra.sweeper.params or {}).items()]
            parsed = OverridesParser.create().parse_overrides([*params, *config.hydra.overrides.task])
            (jobs,) = BasicSweeper.split_arguments(parsed, None)
            for number, overrides in enumerate(jobs):
                sweep.write(Job(number, plain(overrides), "not started"))
            (sweep.files / "planned").touch()


def announced(arguments: Sequence[str]) -> list[str]:
    """Add to a command's arguments the one by which Hydra calls PlannedJobs; overrides must stand together."""
    overrides = get_args_parser().parse_known_args(list(arguments))[0].overrides
    at = list(arguments).index(overrides[0]) if overrides else len(arguments)
    return [*arguments[:at], "++hydra.callbacks.planned_jobs._target_=src.app.launching.PlannedJobs", *arguments[at:]]


@contextmanager
def table_at_the_end() -> Iterator[None]:
    """Print the table of a sweep when it has ended, however it did; exit with status 1 where a job failed."""
    os.environ.pop(FOLDER, None)
    jobs: list[Job] = []
    try:
        with suppress(JobFailedError), _lost_jobs_are_no_end():
            yield
    finally:
        if sweep := Sweep.current():
            jobs = sweep.close()
            os.environ.pop(FOLDER, None)
    if any(job.outcome not in SUCCESS for job in jobs):
        sys.exit(1)


def result_of_failure(sweep: Sweep) -> None:
    """Return nothing from a job that failed, or raise for a sweeper that learns from its jobs.

    Hydra's own would end at an error and give up the jobs of its further batches.
    """
    if not sweep.planned:
        raise JobFailedError


@contextmanager
def _lost_jobs_are_no_end() -> Iterator[None]:
    """Let submitit's launcher, which would give up at the first job without a result, wait for the others."""
    try:
        from submitit import Job as SubmittedJob
    except ImportError:
        yield
        return
    patched: Any = SubmittedJob
    results = patched.results

    def patient_results(job: Any) -> Any:
        try:
            return results(job)
        except Exception as error:
            if (sweep := Sweep.current()) and sweep.planned:
                return [JobReturn(status=JobStatus.COMPLETED)]
            return [JobReturn(status=JobStatus.FAILED, _return_value=JobFailedError(str(error)))]

    patched.results = patient_results
    try:
        yield
    finally:
        patched.results = results
