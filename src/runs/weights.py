"""weights.pt: a trained network and what is needed to use it, and nothing else."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from hydra.utils import instantiate

from src.errors import UserError
from src.files import replace_atomically
from src.models.base import MultiTaskNetwork
from src.tasks.base import Task

FORMAT = 1


def build_network(model: Mapping[str, Any], tasks: Mapping[str, Task]) -> MultiTaskNetwork:
    """Build the network that config ``model`` describes, with one head per task."""
    return instantiate(model, outputs={name: task.channels for name, task in tasks.items()})


def build_tasks(configs: Mapping[str, Any]) -> dict[str, Task]:
    """Build the task objects from their configs, by name."""
    return {name: instantiate(config) for name, config in configs.items()}


def save_weights(path: Path, network: MultiTaskNetwork, about: Mapping[str, Any]) -> None:
    """Write the network's weights with ``about`` (model, tasks, dataset: plain values) in one step."""
    content = {"format": FORMAT, "about": dict(about), "state_dict": network.state_dict()}
    replace_atomically(path, lambda stream: torch.save(content, stream))


def read_weights(path: Path) -> dict[str, Any]:
    """Read a weights file without running anything in it.

    Raises:
        UserError: no such file, or not one of ours.
    """
    if not path.exists():
        raise UserError(f"there is no weights file {path}", "the run has not finished, or the path is wrong")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds for a file that is no checkpoint
        raise UserError(f"{path} cannot be read as weights", type(error).__name__) from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise UserError(f"{path} is not a weights file of this project", "it lacks the format mark")
    return content


def _targets(config: Any) -> Iterator[str]:
    """Yield every name of code in a nested config."""
    if isinstance(config, Mapping):
        for key, value in config.items():
            if key == "_target_":
                yield str(value)
            yield from _targets(value)
    elif isinstance(config, list):
        for value in config:
            yield from _targets(value)


def load_network(path: Path) -> tuple[MultiTaskNetwork, dict[str, Task], dict[str, Any]]:
    """Rebuild network and tasks from a weights file; returns them with what the file says about itself.

    Raises:
        UserError: unreadable file, weights that do not fit, or code from outside this project.
    """
    content = read_weights(path)
    about = content["about"]
    return *rebuild(about["model"], about["tasks"], content["state_dict"], path), about


def rebuild(
    model: Mapping[str, Any], task_configs: Mapping[str, Any], state: Mapping[str, Any], path: Path
) -> tuple[MultiTaskNetwork, dict[str, Task]]:
    """Build network and tasks from their configs and load ``state``, which comes from ``path``.

    Raises:
        UserError: weights that do not fit, or code from outside this project.
    """
    for target in _targets([model, task_configs]):
        if not target.startswith(("src.models.", "src.tasks.")):
            raise UserError(
                f"{path} names '{target}'", "only code in src.models and src.tasks is run for a weights file"
            )
    model = dict(model)
    if "weights" in model:
        model["weights"] = None  # pretrained ones would be overwritten at once, and need the network
    tasks = build_tasks(task_configs)
    network = build_network(model, tasks)
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        raise UserError(f"the weights in {path} do not fit the network it names", str(error)[:500]) from error
    return network, tasks
