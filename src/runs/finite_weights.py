"""Weights that are handed on are finite real numbers."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from src.foundation.errors import UserError
from src.foundation.tensor_files import not_finite


def refuse_not_finite(state: Mapping[str, Any], path: Path) -> None:
    """Raise UserError where a tensor of ``state``, read from or written to ``path``, is complex, NaN or infinite."""
    for name, value in state.items():
        if isinstance(value, Tensor) and (fault := not_finite(value)):
            raise UserError(
                f"weights that are not finite are not to be used: {path}",
                f"{name} {fault}: the run that trained it diverged, or the file is damaged",
                "take the weights of another run, or train with a smaller optimiser.lr",
            )
