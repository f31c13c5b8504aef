"""One process at a time."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from src.errors import UserError


@contextmanager
def only_writer(root: Path) -> Iterator[None]:
    """Hold the right to write the store ``root``; raises UserError where another process holds it.

    The lock ends with the process that holds it, however it ends; its file stays, because removing it would let two
    processes lock two files of the same name.
    """
    root.parent.mkdir(parents=True, exist_ok=True)
    path = _lock_file(root)
    with path.open("wb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UserError(
                f"{root} is being prepared by another process",
                f"that process holds {path}",
                "wait until it has ended, then run the same command again",
            ) from error
        yield


def wait_for_writer(root: Path) -> None:
    """Return when no other process writes the store ``root``, saying so if that takes a wait."""
    path = _lock_file(root)
    if not path.exists():
        return
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"waiting for another process to finish {root}", flush=True)
            fcntl.flock(file, fcntl.LOCK_SH)


def _lock_file(root: Path) -> Path:
    return root.with_name(f".{root.name}.lock")
