"""weights.pt: a trained network and what is needed to use it, and nothing else."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from src.foundation.errors import UserError
from src.foundation.files import replace_atomically
from src.foundation.tensor_files import DamagedFileError, first_line, load_tensors
from src.models.base import MultiTaskNetwork, build_network
from src.models.input_statistics import read_statistics
from src.models.lora import merged
from src.runs.finite_weights import refuse_not_finite
from src.runs.former_names import by_present_names, present_task
from src.tasks.base import TASKS, Task

FORMAT = 2
READABLE = (1, FORMAT)
"""Format 1 named networks and tasks by import paths."""


def build_tasks(configs: Mapping[str, Any]) -> dict[str, Task]:
    """Build the task objects from their configurations, by name."""
    return {name: TASKS.build(config) for name, config in configs.items()}


def save_network(path: Path, network: MultiTaskNetwork, metadata: Mapping[str, Any]) -> None:
    """Write the network's weights with ``metadata`` (model, tasks, dataset: plain values) in one step.

    What LoRA has learned is merged into the weights.
    The statistics of the pictures that it takes are written with them.

    Raises:
        UserError: weights that are not finite.
    """
    state = merged(network.state_dict())
    refuse_not_finite(state, path)
    described = dict(metadata) | {"input": network.input_statistics.plain()}
    content = {"format": FORMAT, "metadata": described, "state_dict": state}
    replace_atomically(path, lambda stream: torch.save(content, stream))


def read_network_file(path: Path) -> dict[str, Any]:
    """Read ``metadata`` and ``state_dict`` of a weights file without running anything in it.

    Raises:
        UserError: no such file, a damaged one, or not one of this project.
    """
    if not path.exists():
        raise UserError(f"there is no weights file {path}", "the run has not finished, or the path is wrong")
    try:
        content = load_tensors(path)
    except (DamagedFileError, OSError) as error:
        raise UserError(
            f"{path} cannot be read as weights", first_line(error), "copy it again, or train it anew"
        ) from error
    if not isinstance(content, dict) or content.get("format") not in READABLE:
        raise UserError(f"{path} is not a weights file of this project", "it lacks a known format number")
    metadata = content.get("metadata", content.get("about"))
    if not isinstance(metadata, dict) or not isinstance(metadata.get("tasks"), dict) or "model" not in metadata:
        raise UserError(f"{path} does not describe its network", "it lacks model or tasks")
    metadata["model"] = by_present_names(metadata["model"])
    metadata["tasks"] = {name: present_task(config) for name, config in metadata["tasks"].items()}
    return {"metadata": metadata, "state_dict": content["state_dict"]}


def load_network(path: Path) -> tuple[MultiTaskNetwork, dict[str, Task], dict[str, Any]]:
    """Rebuild network and tasks from a weights file; returns them with the file's metadata.

    Raises:
        UserError: unreadable file, weights that do not fit, or parts that are not registered here.
    """
    content = read_network_file(path)
    metadata = content["metadata"]
    network, tasks = rebuild(metadata["model"], metadata["tasks"], content["state_dict"], path, metadata.get("input"))
    return network, tasks, metadata


def rebuild(
    model: Mapping[str, Any],
    task_configs: Mapping[str, Any],
    state: Mapping[str, Any],
    path: Path,
    pictures: Any = None,
) -> tuple[MultiTaskNetwork, dict[str, Task]]:
    """Build network and tasks from their configurations and load ``state``, which comes from ``path``.

    ``pictures`` are the statistics of what the network takes, ImageNet's where a file of an earlier version has none.

    Raises:
        UserError: weights that do not fit or are not finite, or parts that are not registered here.
    """
    refuse_not_finite(state, path)
    try:
        tasks = build_tasks(task_configs)
        network = build_network(model, {name: task.channels for name, task in tasks.items()}, pretrained=False)
    except UserError as error:
        raise UserError(f"{path} cannot be used: {error.what}", error.why, error.mend) from error
    network.set_input_statistics(read_statistics(pictures, str(path)))
    try:
        network.load_state_dict(merged(state))
    except RuntimeError as error:
        raise UserError(f"the weights in {path} do not fit the network it names", str(error)[:500]) from error
    return network, tasks


def open_network(where: str | None) -> tuple[MultiTaskNetwork, dict[str, Task], dict[str, Any]]:
    """Load the network of a run directory or of a weights file, in eval mode, with its tasks and metadata.

    Raises:
        UserError: nothing was named, or it holds no weights.
    """
    if not where:
        raise UserError("no run is named", "a run directory or a weights.pt is needed", "run=runs/...")
    path = Path(where)
    network, tasks, metadata = load_network(path / "weights.pt" if path.is_dir() else path)
    return network.eval(), tasks, metadata
