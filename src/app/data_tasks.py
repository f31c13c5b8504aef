"""A task for each map of a dataset: ``task=height``, ``task=auto``, ``tasks=auto``, without a yaml for any."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra._internal.utils import get_args_parser
from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from src.app.composing import composed_values
from src.app.conf import add_options, options, own_options
from src.app.open_data import modalities_at
from src.app.overrides import select_overrides
from src.foundation.errors import UserError
from src.modalities.base import Modality
from src.tasks.matching import task_for

AUTO = "auto"
NAMES = re.compile(r"[A-Za-z][\w-]*")


def with_data_tasks(arguments: Sequence[str]) -> list[str]:
    """Return a training command's arguments with ``auto`` replaced by the dataset's tasks.

    Where tasks are named that have no yaml, each map of the dataset becomes an option of ``task``.

    Raises:
        UserError: ``auto`` for a dataset that is not there, or for one run with several tasks.
    """
    read = get_args_parser().parse_known_args(list(arguments))[0]
    chosen = {line: set(NAMES.findall(line.partition("=")[2])) for line in select_overrides(read.overrides, "task")}
    chosen |= {line: set(NAMES.findall(line.partition("=")[2])) for line in select_overrides(read.overrides, "tasks")}
    chosen = {line: names for line, names in chosen.items() if re.match(r"\+*tasks?=", line)}
    known = {*options("task"), *own_options("task"), "null"}
    if not set().union(*chosen.values()) - known:
        return list(arguments)
    asked = any(AUTO in names for names in chosen.values())
    dataset = _dataset(read.overrides, asked)
    if dataset is None:
        return list(arguments)
    tasks = data_tasks(modalities_at(dataset), dataset.get("label"))
    add_options("task", {name: config for name, config in tasks.items() if name not in known})
    replaced = {line: _replaced(line, list(tasks), read.multirun) for line, names in chosen.items() if AUTO in names}
    return [replaced.get(argument, argument) for argument in arguments]


def data_tasks(modalities: Mapping[str, Modality], label: str | None = None) -> dict[str, Any]:
    """Return a task for each map but images, by name; the label set ``label`` is that of the task semantic.

    A map with the name of a task that has a yaml, of the same kind, is that task's.
    """
    found: dict[str, Any] = {}
    for modality in sorted(modalities.values(), key=lambda modality: modality.name != label):
        if modality.kind != "image":
            name = "semantic" if modality.name == label else modality.name
            found[name] = task_for(modality) | {"name": name}
    return found


def _dataset(overrides: Sequence[str], asked: bool) -> dict[str, Any] | None:
    """Compose the dataset that a command names; None where it has none that is there, unless one is ``asked`` for."""
    about = [*select_overrides(overrides, "dataset"), *select_overrides(overrides, "paths")]
    try:
        dataset: dict[str, Any] = composed_values("train", about)["dataset"]
    except (HydraException, OmegaConfBaseException) as error:
        if not asked:
            return None  # what is wrong is told when the whole command is read
        raise UserError(
            f"{AUTO} needs one dataset", "its maps are the tasks: " + str(error).split("\n")[0], "dataset=NAME"
        ) from error
    if not asked and not dataset.get("procedural") and not Path(str(dataset.get("root"))).exists():
        return None
    return dataset


def _replaced(override: str, tasks: list[str], multirun: bool) -> str:
    """Write the names of tasks in place of ``auto``."""
    key, _, value = override.partition("=")
    names = [each for name in NAMES.findall(value) for each in (tasks if name == AUTO else [name])]
    names = list(dict.fromkeys(names))
    if key.lstrip("+") == "tasks":
        return f"{key}=[{','.join(names)}]"
    if len(names) > 1 and not multirun:
        raise UserError(
            f"task={AUTO} stands for {len(names)} teachers: {', '.join(names)}",
            "one run trains one",
            f"python -m src.train -m stage=teacher task={AUTO} ..., or task={names[0]}",
        )
    return f"{key}={','.join(names)}"
