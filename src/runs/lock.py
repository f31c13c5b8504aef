"""One process at a time trains in a run directory."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from src.foundation.errors import UserError


@contextmanager
def only_trainer(folder: Path, wait: bool = False) -> Iterator[None]:
    """Hold the right to train in the run directory ``folder``; where the file system has no locks, everyone has it.

    The lock ends with the process that holds it, however it ends; its file stays.

    Args:
        folder: the run directory.
        wait: whether to wait, with a message, while another process holds the right.

    Raises:
        UserError: another process holds it, and ``wait`` is false.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / ".lock", mode=0o644)
    try:
        lock.acquire(blocking=False)
    except Timeout as error:
        if not wait:
            raise UserError(
                f"{folder} is being trained by another process",
                f"that process holds {lock.lock_file}",
                "wait until it has ended, or end it, then run the same command again",
            ) from error
        print(f"waiting for another process that trains the same in {folder}", flush=True)
        lock.acquire()
    except (OSError, NotImplementedError):
        yield
        return
    try:
        yield
    finally:
        lock.release()
