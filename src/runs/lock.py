"""One process at a time trains in a run directory."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from src.foundation.lock import locked


@contextmanager
def only_trainer(folder: Path, wait: bool = False) -> Iterator[None]:
    """Hold the right to train in the run directory ``folder``; where the file system has no locks, everyone has it.

    Args:
        folder: the run directory.
        wait: whether to wait, with a message, while another process holds the right.

    Raises:
        UserError: another process holds it, and ``wait`` is false.
    """
    with ExitStack() as held:
        with suppress(OSError, NotImplementedError):
            held.enter_context(locked(folder / ".lock", folder, "trained", wait))
        yield
