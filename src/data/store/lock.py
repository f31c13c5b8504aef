"""One process at a time writes a store."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from src.foundation.errors import UserError


@contextmanager
def only_writer(root: Path, wait: bool = False) -> Iterator[None]:
    """Hold the right to write the store ``root``.

    The lock ends with the process that holds it, however it ends; its file stays.

    Args:
        root: the store.
        wait: whether to wait, with a message, while another process holds the right.

    Raises:
        UserError: another process holds it, and ``wait`` is false; or there can be no locks in that folder.
    """
    root.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(root.with_name(f".{root.name}.lock"), mode=0o644)
    try:
        _acquire(lock, root, wait)
    except (OSError, NotImplementedError) as error:
        raise UserError(
            f"{root.parent} cannot hold a lock", str(error), "choose a folder on another file system: paths.data=..."
        ) from error
    try:
        yield
    finally:
        lock.release()


def _acquire(lock: FileLock, root: Path, wait: bool) -> None:
    """Take the lock, at once or after the process that holds it."""
    try:
        lock.acquire(blocking=False)
    except Timeout as error:
        if not wait:
            raise UserError(
                f"{root} is being prepared by another process",
                f"that process holds {lock.lock_file}",
                "wait until it has ended, then run the same command again",
            ) from error
        print(f"waiting for another process to finish {root}", flush=True)
        lock.acquire()
