"""Which teachers a configuration chooses, and the conditions on their records."""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn

from src.foundation.errors import UserError
from src.runs.teacher import read_size

CHOICES = ("model", "size", "seed")
"""Keys that can be set for all teachers, and for each, where they differ from the student."""
PROXY = "proxy"
"""The key that names one multi-task network as the teacher of all tasks that have no entry of their own."""


def read_entry(name: str, entry: Any) -> dict[str, Any] | None:
    """Read a teacher's entry in the configuration, a path or a mapping; None where it is left out."""
    if entry in (None, "none"):
        return None
    if isinstance(entry, str):
        return {"from": entry}
    if not isinstance(entry, Mapping) or not name.isidentifier() or hasattr(nn.ModuleDict(), name):
        raise UserError(
            f"teacher.{name}={entry} names no teacher",
            "a name is a word that is no attribute of torch.nn.ModuleDict, an entry is a path, none, or a mapping",
            f"teacher.{name}=RUN_DIRECTORY",
        )
    if entry.get("size") is not None:
        read_size(f"teacher.{name}.size", entry["size"])
    return dict(entry)


def refuse_other_labels(student: Mapping[str, Any], choice: Mapping[str, Any]) -> None:
    """Raise UserError where teachers of another seed, and so of other labels, are chosen."""
    if student.get("supervision", "full") != "full" and choice["seed"] not in (None, student["seed"]):
        raise UserError(
            f"teachers of seed {choice['seed']} were trained on other labels",
            f"labels={student['supervision']} are drawn from the seed, which is {student['seed']}",
            f"seed={choice['seed']}, or labels=full",
        )


def refuse_unknown(name: str, choice: Mapping[str, Any], tasks: Sequence[str], known: Sequence[str] = CHOICES) -> None:
    """Raise UserError for a choice with an unknown key, or of a task that is not the student's."""
    unknown = [key for key in choice if key not in known]
    if unknown or name not in tasks:
        what = f"no {unknown[0]}" if unknown else f"no task '{name}'"
        raise UserError(
            f"teacher.{name} cannot be found: there is {what}",
            f"an entry is a path, none, or a mapping with from, network, levels, {', '.join(CHOICES)}",
            f"teacher.{name}=RUN_DIRECTORY, or 'teacher.{name}={{network: timm, backbone: resnet18}}'",
        )


def conditions_of(student: Mapping[str, Any], choice: Mapping[str, Any]) -> dict[str, Any]:
    """Return the conditions on a teacher's record: the student's own, but for what was chosen to differ."""
    conditions = dict(student)
    if choice["model"] is not None:
        del conditions["model"]
        conditions["names"] = {"model": choice["model"]}
    if choice["seed"] is not None:
        conditions["seed"] = choice["seed"]
    dataset = student["dataset"]
    if choice["size"] is not None and list(choice["size"]) != list(dataset["size"]):
        conditions["dataset"] = {"name": dataset["name"], "classes": dataset["classes"], "size": list(choice["size"])}
    return conditions
