"""Weights that are handed on are finite real numbers."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from src.foundation.errors import UserError


def refuse_not_finite(state: Mapping[str, Any], path: Path) -> None:
    """Raise UserError where a tensor of ``state``, read from or written to ``path``, is complex, NaN or infinite."""
    for name, value in state.items():
        if isinstance(value, Tensor) and (fault := _fault(value)):
            raise UserError(
                f"weights that are not finite are not to be used: {path}",
                f"{name} {fault}: the run that trained it diverged, or the file is damaged",
                "take the weights of another run, or train with a smaller optimiser.lr",
            )


def _fault(value: Tensor) -> str:
    """Say what is wrong with a tensor, or nothing."""
    if value.is_complex():
        return "is complex"
    if not value.is_floating_point() or bool(value.isfinite().all()):
        return ""
    wrong = int((~value.isfinite()).sum())
    kind = "NaN" if bool(torch.isnan(value).any()) else "infinite"
    return f"is {kind} ({wrong} of {value.numel()} values)" if value.numel() > 1 else f"is {kind}"
