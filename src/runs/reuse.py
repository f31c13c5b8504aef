"""Nothing is trained twice: the run that has trained the same, or has begun to."""

import os
from contextlib import ExitStack
from pathlib import Path

from src.runs import directory
from src.runs.lock import only_trainer
from src.runs.record import Run, find_runs, read_run

CONTINUED = "MTL_DISTILLATION_CONTINUED"
"""The environment variable by which processes that a run starts know the run that it continues."""


def claim(root: Path, digest: str, claims: ExitStack) -> Run | None:
    """Return the run below ``root`` that has ended with this digest, or one to continue; None where there is none.

    What another process is training just now is waited for.

    Args:
        root: folder of runs.
        digest: what a run must have been begun with.
        claims: holds the right to train in a run that is to be continued.
    """
    if not directory.is_first_process() and CONTINUED in os.environ:
        return read_run(Path(os.environ[CONTINUED]))
    while True:
        same = [run for run in find_runs(root) if run.digest == digest]
        if done := next((run for run in same if not run.resumable), None):
            return done
        begun = [run for run in same if (run.path / "config.yaml").exists()]
        if not begun or directory.is_one_of_several():  # which could not agree on the run
            return None
        with ExitStack() as held:
            held.enter_context(only_trainer(begun[-1].path, wait=True))
            run = read_run(begun[-1].path)
            if run.resumable:
                claims.push(held.pop_all())
                claims.callback(os.environ.pop, CONTINUED, None)
                os.environ[CONTINUED] = str(run.path.absolute())
                return run
