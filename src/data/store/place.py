"""What may be at the place of a store before it is packed."""

from pathlib import Path

from src.data.files.opening import reachable
from src.data.store.manifest import CONTACT_SHEET, MANIFEST
from src.foundation.errors import UserError


def require_replaceable(root: Path) -> None:
    """Raise UserError where something that is no store would be replaced, and so be lost."""
    own = {MANIFEST, CONTACT_SHEET}

    def of_store(path: Path) -> bool:
        return path.name in own or (path.is_dir() and all(inner.suffix == ".npy" for inner in path.iterdir()))

    if root.is_dir() and all(of_store(path) for path in root.iterdir()):
        return
    if reachable(root):
        raise UserError(
            f"{root} is no packed store",
            "it would be replaced, and what is in it lost" if root.is_dir() else "it is a file",
            "choose another place: dataset.root=FOLDER or paths.data=FOLDER",
        )
