"""One process at a time does something."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from src.foundation.errors import UserError


@contextmanager
def locked(file: Path, what: Path, done: str, wait: bool = False) -> Iterator[None]:
    """Hold a right, which ends with the process that holds it, however it ends; the file stays.

    Args:
        file: whose lock is the right.
        what: of which something is done.
        done: what is done, such as ``prepared``, for messages.
        wait: whether to wait, with a message, while another process holds the right.

    Raises:
        UserError: another process holds it, and ``wait`` is false.
        OSError, NotImplementedError: there can be no locks in that folder.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(file, mode=0o644)
    try:
        lock.acquire(blocking=False)
    except Timeout as error:
        if not wait:
            raise UserError(
                f"{what} is being {done} by another process",
                f"that process holds {lock.lock_file}",
                "wait until it has ended, or end it, then run the same command again",
            ) from error
        print(f"waiting for another process, by which {what} is being {done}", flush=True)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()
