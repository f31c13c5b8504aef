"""Why a file cannot be read, in words that name the true cause."""

import errno
import os
import stat
from pathlib import Path

from src.foundation.errors import UserError

AGAIN = "then run the same command"
KINDS = (
    (stat.S_ISDIR, "a directory"),
    (stat.S_ISFIFO, "a pipe (FIFO)"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISSOCK, "a socket"),
)
"""What is no regular file; reading a pipe or a device may never end."""
LOCKED = (errno.EAGAIN, errno.EACCES, errno.EBUSY, errno.ETXTBSY, errno.EDEADLK)


def require_regular(path: Path) -> None:
    """Look at a file without opening it; raises UserError unless it is a regular file that may be read."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from error
    for is_kind, name in KINDS:
        if is_kind(mode):
            raise UserError(f"{path} is {name}", "a regular file is needed there", f"put the file there, {AGAIN}")
    if not os.access(path, os.R_OK):
        raise unreadable(path, PermissionError(errno.EACCES, "permission denied"))


def unreadable(path: Path | str, error: BaseException) -> UserError:
    """Return the error for a file that cannot be read: permission, locks, links and absence as such, else damage."""
    number = getattr(error, "errno", None)
    if isinstance(error, FileNotFoundError):
        broken = isinstance(path, Path) and path.is_symlink()
        why = f"it is a link to {os.readlink(path)}, which is not there" if broken else "there is no such file"
        return UserError(f"{path} is missing", why, f"put the file there, {AGAIN}")
    if isinstance(error, PermissionError):
        why = "its permissions, or those of a folder above it, forbid it"
        return UserError(f"{path} may not be read", why, f"chmod u+r '{path}' (folders: u+rx), {AGAIN}")
    if number == errno.ELOOP:
        why = "its links lead back to themselves"
        return UserError(f"{path} cannot be followed", why, f"put the file itself there, {AGAIN}")
    if number == errno.ENOTDIR:
        why = "something above it is a file, not a folder"
        return UserError(f"{path} cannot be reached", why, f"put the file there, {AGAIN}")
    if number in LOCKED or isinstance(error, BlockingIOError):
        why = f"another program holds it ({error})"
        return UserError(f"{path} is locked", why, f"end that program, {AGAIN}")
    why = str(error) or type(error).__name__
    return UserError(f"{path} cannot be read", why, f"replace the file, {AGAIN}")


def reachable(path: Path) -> bool:
    """Whether there is something at ``path``; raises UserError where that cannot be told, naming the cause."""
    try:
        path.stat()
    except FileNotFoundError:
        if path.is_symlink():
            raise unreadable(path, FileNotFoundError()) from None
        return False
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from error
    return True
