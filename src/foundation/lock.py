"""One process at a time does something."""

import errno
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import BaseFileLock, FileLock, SoftFileLock, Timeout

from src.foundation.errors import UserError

NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)
"""What a file system without flock answers."""


@contextmanager
def locked(file: Path, what: Path, done: str, wait: bool = False) -> Iterator[None]:
    """Hold a right, which ends with the process that holds it, however it ends; the file stays.

    A file system without locks (flock), such as some network mounts, gets a second file that stands for the lock while
    it is there; one that a killed process of this machine left behind is taken over.

    Args:
        file: whose lock is the right.
        what: of which something is done.
        done: what is done, such as ``prepared``, for messages.
        wait: whether to wait, with a message, while another process holds the right.

    Raises:
        UserError: another process holds it, and ``wait`` is false.
        OSError, NotImplementedError: nothing can be written in that folder.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    lock: BaseFileLock = FileLock(file, mode=0o644)
    try:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # of the same fallback, where filelock knows it
                lock.acquire(blocking=False)
        except OSError as error:
            if error.errno not in NO_LOCKS:
                raise
            lock = SoftFileLock(file.with_name(f"{file.name}.held"), mode=0o644)
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
