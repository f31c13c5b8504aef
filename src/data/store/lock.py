"""One process at a time writes a store."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from src.foundation.errors import UserError
from src.foundation.lock import locked


@contextmanager
def only_writer(root: Path, wait: bool = False) -> Iterator[None]:
    """Hold the right to write the store ``root``.

    Args:
        root: the store.
        wait: whether to wait, with a message, while another process holds the right.

    Raises:
        UserError: another process holds it, and ``wait`` is false; or there can be no locks in that folder.
    """
    with ExitStack() as held:
        try:
            held.enter_context(locked(root.with_name(f".{root.name}.lock"), root, "prepared", wait))
        except (FileExistsError, NotADirectoryError) as error:
            raise UserError(
                f"{root.parent} is no folder",
                f"it or something above it is a file ({error})",
                "choose another place: paths.data=FOLDER",
            ) from error
        except PermissionError as error:
            raise UserError(
                f"{root.parent} may not be written", str(error), "choose another place: paths.data=FOLDER"
            ) from error
        except (OSError, NotImplementedError) as error:
            raise UserError(
                f"{root.parent} cannot hold a lock",
                str(error),
                "choose a folder on another file system: paths.data=...",
            ) from error
        yield
