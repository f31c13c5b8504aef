"""Checkpoints that are whole or absent, on any file system."""

from pathlib import Path
from typing import Any

import torch
from lightning_fabric.plugins.io.torch_io import TorchCheckpointIO

from src.foundation.errors import UserError
from src.foundation.files import replace_atomically


class AtomicCheckpoints(TorchCheckpointIO):
    """Writes a checkpoint beside its target and renames it.

    Lightning's own goes by way of the system's folder for temporary files; where that is another file system the
    last step is a copy, and a kill in the middle of it would cost the only checkpoint.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None) -> None:
        """Write ``checkpoint`` to ``path`` in one step."""
        replace_atomically(Path(path), lambda stream: torch.save(checkpoint, stream))

    def load_checkpoint(self, path: Any, *args: Any, **options: Any) -> dict[str, Any]:
        """Read a checkpoint; raises UserError for a file that is none."""
        try:
            return super().load_checkpoint(path, *args, **options)
        except Exception as error:  # torch raises many kinds for a file that is no checkpoint
            raise UserError(
                f"{path} cannot be read as a checkpoint",
                f"{type(error).__name__}: {str(error).splitlines()[0]}",
                f"rm '{path}'  # the run then begins anew when it is resumed",
            ) from error
