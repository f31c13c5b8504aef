"""Arrays in .npy files."""

from pathlib import Path

import numpy as np

from src.foundation.errors import UserError


def read_npy(path: Path) -> np.ndarray:
    """Read a .npy file; raises UserError where that fails."""
    try:
        return np.asarray(np.load(path))
    except (OSError, ValueError, EOFError) as error:
        raise UserError(f"{path} cannot be read", str(error), "replace the file, then run the same command") from error
