"""Opens a finished run, or the weights somebody handed on, for use."""

from pathlib import Path
from typing import Any

import torch

from src.errors import UserError
from src.models.base import MultiTaskNetwork
from src.runs.weights import load_network
from src.tasks.base import Task


def open_network(where: str | None) -> tuple[MultiTaskNetwork, dict[str, Task], dict[str, Any]]:
    """Load the network of a run directory or of a weights file, in eval mode.

    Raises:
        UserError: nothing was named, or it holds no weights.
    """
    if not where:
        raise UserError("no run is named", "a run directory or a weights.pt is needed", "run=runs/...")
    path = Path(where)
    network, tasks, about = load_network(path / "weights.pt" if path.is_dir() else path)
    return network.eval(), tasks, about


def best_device() -> torch.device:
    """Return the GPU where there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
