"""Checkpoints that are whole or absent on any file system, checked when they are read, with the one before kept."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from lightning_fabric.plugins.io.torch_io import TorchCheckpointIO
from pytorch_lightning.callbacks import ModelCheckpoint

from src.foundation.errors import UserError
from src.foundation.files import replace_atomically
from src.foundation.tensor_files import DamagedFileError, check_archive, first_line, load_tensors

LAST, PREVIOUS, BEST = "last.ckpt", "previous.ckpt", "best.ckpt"


class AtomicCheckpoints(TorchCheckpointIO):
    """Writes a checkpoint beside its target and renames it; what ``last.ckpt`` was becomes ``previous.ckpt``.

    Lightning's own goes by way of the system's folder for temporary files; where that is another file system the
    last step is a copy, and a kill in the middle of it would cost the only checkpoint.
    """

    def __init__(self) -> None:
        super().__init__()
        self.whole: Path | None = None
        """The last file that this has read or written as ``last.ckpt``: anything else of that name may be damaged."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None) -> None:
        """Write ``checkpoint`` to ``path``; at every moment ``last.ckpt`` or ``previous.ckpt`` is there and whole."""
        target = Path(path)
        if target.name != LAST:
            _write(target, checkpoint)
            return
        following = target.with_name("next.ckpt")
        _write(following, checkpoint)
        if target.exists() and target.resolve() == self.whole:
            target.replace(target.with_name(PREVIOUS))
        following.replace(target)
        self.whole = target.resolve()

    def load_checkpoint(self, path: Any, *args: Any, **options: Any) -> dict[str, Any]:
        """Read a checkpoint, running nothing in it; raises UserError for a file that is damaged or none."""
        try:
            check_archive(Path(path))
            content: dict[str, Any] = super().load_checkpoint(path, *args, **options | {"weights_only": True})
        except Exception as error:  # torch raises many kinds for a file that is no checkpoint
            raise UserError(
                f"{path} cannot be read as a checkpoint", first_line(error), "name another file, or train it anew"
            ) from error
        if Path(path).name == LAST:
            self.whole = Path(path).resolve()
        return content


class MovableCheckpoint(ModelCheckpoint):
    """Keeps its state by the names of its files alone, so that it holds where the run directory was moved."""

    @property
    def state_key(self) -> str:
        """Give the state the name that it has in checkpoints of earlier versions."""
        return super().state_key.replace(type(self).__qualname__, ModelCheckpoint.__qualname__, 1)

    def state_dict(self) -> dict[str, Any]:
        """Return the state, with names in place of paths."""
        return _with_paths(super().state_dict(), lambda path: Path(path).name) | {"dirpath": None}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the state, whichever folder its files were in."""
        folder = Path(str(self.dirpath))
        state = _with_paths(state_dict, lambda path: str(folder / Path(path).name))
        super().load_state_dict(state | {"dirpath": self.dirpath})


@dataclass(frozen=True)
class Resumption:
    """The checkpoint that a run goes on from, the number of epochs that it holds, and what there is to say about it."""

    path: Path
    epochs: int
    remark: str | None = None


def checkpoint_to_resume(folder: Path) -> Resumption | None:
    """Choose the newest whole checkpoint in ``folder``; None where there is none.

    Raises:
        UserError: none is whole, or the best epoch's is damaged, which no later epoch replaces.
    """
    _require_whole_best(folder / BEST)
    damages: list[str] = []
    found = [path for name in (LAST, PREVIOUS) if (path := folder / name).exists()]
    for path in found:
        try:
            epochs = _epochs(path)
        except (DamagedFileError, OSError) as error:
            damages.append(f"{path.name}: {first_line(error)}")
            continue
        remark = None
        if path.name == PREVIOUS:
            lost = damages[0] if damages else f"{LAST} is missing"
            remark = f"{lost}; going on from {PREVIOUS}: epoch {epochs + 1} is trained again"
        return Resumption(path, epochs, remark)
    if damages:
        files = " ".join(f"'{path}'" for path in found)
        raise UserError(
            f"no checkpoint in {folder} is whole",
            "\n        ".join(damages),
            f"rm {files}  # the run then begins anew when it is resumed",
        )
    return None


def _write(path: Path, checkpoint: Mapping[str, Any]) -> None:
    """Write ``checkpoint`` in one step, and remove what a process that was killed has left of such a step."""
    for left in path.parent.glob(f".{path.name}.*"):
        left.unlink()
    replace_atomically(path, lambda stream: torch.save(checkpoint, stream))


def _require_whole_best(path: Path) -> None:
    if not path.exists():
        return
    try:
        check_archive(path)
    except (DamagedFileError, OSError) as error:
        raise UserError(
            f"{path} cannot be read as a checkpoint",
            f"{first_line(error)}; so the best epoch is lost",
            "train it anew; the last epoch is in last.ckpt",
        ) from error


def _epochs(path: Path) -> int:
    """Count the epochs that a checkpoint holds; raises DamagedFileError for a file that is none."""
    content = load_tensors(path, mmap=True)
    if not isinstance(content, dict) or not isinstance(content.get("epoch"), int):
        raise DamagedFileError("it is no checkpoint of a run")
    return int(content["epoch"]) + 1


def _with_paths(state: Mapping[str, Any], change: Callable[[str], str]) -> dict[str, Any]:
    """Return the state of a ModelCheckpoint with each of its paths changed."""
    paths = ("best_model_path", "kth_best_model_path", "last_model_path")
    changed = {key: change(state[key]) for key in paths if state.get(key)}
    scores = {change(path): score for path, score in state.get("best_k_models", {}).items()}
    return {**state, **changed, "best_k_models": scores}
