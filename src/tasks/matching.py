"""Which map of a dataset a task is about."""

from collections.abc import Mapping
from typing import Any, cast

from src.foundation.errors import UserError
from src.foundation.part_options import TARGET
from src.modalities.base import Modality
from src.tasks.base import TASKS
from src.tasks.map_task import MapTask

BY_KIND = {"classes": "classes", "scalar": "scalar", "vector": "vector", "binary": "binary"}
"""The part that predicts maps of a kind."""


def task_for(modality: Modality) -> dict[str, Any]:
    """Return the configuration of a task that predicts a modality with the usual loss and metrics of its kind."""
    return {TARGET: BY_KIND[modality.kind], "name": modality.name, "modality": modality.name}


def name_of(config: Mapping[str, Any]) -> str:
    """Return the name of the task that a configuration describes."""
    given = config.get("name") or getattr(TASKS.part(config), "name", None) or config.get("modality")
    return str(given or config[TARGET])


def with_modality(config: Mapping[str, Any], known: Mapping[str, Modality], where: str = "the dataset") -> Any:
    """Return a task's configuration with the whole modality in place of its name.

    Args:
        config: the task's configuration.
        known: the dataset's modalities by name.
        where: the dataset, for errors.

    Raises:
        UserError: the dataset has no such map, or several that could be meant.
    """
    part = TASKS.part(config)
    if not TASKS.takes(config, "modality") or isinstance(config.get("modality"), Mapping):
        return dict(config)
    kind = cast(type[MapTask], part).kind
    name = config.get("modality") or _only(kind, name_of(config), known, where)
    if name not in known:
        raise UserError(
            f"task={name_of(config)} needs the map {name}, which {where} has not",
            f"it has {', '.join(f'{each.name} ({each.kind})' for each in known.values())}",
            "choose other tasks or classes, name another map (tasks.TASK.modality=NAME), or prepare it again from a "
            "source that has it",
        )
    return {**config, "modality": known[name].plain()}


def _only(kind: str, task: str, known: Mapping[str, Modality], where: str) -> str:
    """Return the name of the map that a task without a modality is about: its namesake, or the only one of its kind."""
    fitting = [modality.name for modality in known.values() if modality.kind == kind]
    if task in fitting:
        return task
    if len(fitting) == 1:
        return fitting[0]
    why = f"{where} has several: {', '.join(fitting)}" if fitting else f"{where} has none of kind {kind}"
    mend = f"tasks.{task}.modality={fitting[0]}" if fitting else "choose another task"
    raise UserError(f"task={task} names no map", why, mend)
