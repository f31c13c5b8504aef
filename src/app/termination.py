"""SIGTERM, by which batch systems end what they run: the same end as an interrupt, with a status of its own."""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

TERMINATED = 128 + signal.SIGTERM
"""The exit status of what SIGTERM has ended."""


@contextmanager
def sigterm_ends_like_an_interrupt() -> Iterator[None]:
    """Let SIGTERM raise SystemExit(143), so that what runs is saved; a further one does not disturb that.

    A handler that is there already, such as submitit's, stays.
    """
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGTERM) != signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, _exit)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _exit(*_: Any) -> NoReturn:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit(TERMINATED)
