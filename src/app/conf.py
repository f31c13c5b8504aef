"""The folder of configurations, and single options in it."""

import itertools
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from hydra._internal.utils import get_args_parser
from hydra.core.config_store import ConfigStore

CONF = Path(__file__).resolve().parent.parent.parent / "conf"

LISTS = {"tasks": "task", "augmentation": "transform", "logger": "tracker"}
"""Groups of which a list is chosen, and the groups that have their options."""

ADDED: dict[str, dict[str, Any]] = {}
"""Options that no yaml has, by group and name."""


def option(group: str, name: str) -> dict[str, Any] | None:
    """Read an option of a group, on top of those of its group that it builds on; None where there is no such option."""
    file = CONF / group / f"{name}.yaml"
    if not file.is_file():
        return ADDED.get(group, {}).get(name)
    own: dict[str, Any] = yaml.safe_load(file.read_text()) or {}
    values: dict[str, Any] = {}
    for base in own.pop("defaults", []):
        if isinstance(base, str) and base != "_self_":
            values = _merged(values, option(group, base) or {})
    return _merged(values, own)


def summary(group: str, name: str) -> str:
    """Return an option's description, the first lines of its yaml behind ``# GROUP=NAME: ``."""
    lines = (CONF / group / f"{name}.yaml").read_text().splitlines()
    comments = itertools.takewhile(lambda line: line.startswith("# "), lines)
    text = " ".join(line.removeprefix("# ") for line in comments if not line.startswith("# @package"))
    return text.partition(": ")[2]


def options(group: str) -> list[str]:
    """List the options of a group."""
    return sorted(file.stem for file in (CONF / group).glob("*.yaml"))


def own_options(group: str) -> list[str]:
    """List the options of a group in the user's own folder of configurations, which --config-dir names."""
    folder = get_args_parser().parse_known_args(sys.argv[1:])[0].config_dir
    return sorted(file.stem for file in (Path(folder) / group).glob("*.yaml")) if folder else []


def usual_options(config_name: str) -> dict[str, Any]:
    """Return the option of each group that a configuration takes by default."""
    entries = yaml.safe_load((CONF / f"{config_name}.yaml").read_text())["defaults"]
    return {key: value for entry in entries if isinstance(entry, dict) for key, value in entry.items()}


def option_group(group: str) -> str:
    """Return the group whose options a group chooses among: its own, except for groups of which lists are chosen."""
    return LISTS.get(group, group)


def choices(group: str) -> list[str]:
    """List what can be chosen of a group: options of the group that lists are made of, and its own."""
    return sorted({*options(option_group(group)), *options(group), *ADDED.get(option_group(group), {})})


def add_options(group: str, configs: Mapping[str, Any]) -> None:
    """Let options of a group be chosen that no yaml has."""
    ADDED.setdefault(group, {}).update(configs)
    store = ConfigStore.instance()
    for name, config in configs.items():
        store.store(group=group, name=name, node=dict(config), provider=group)
    register_lists()


def register_lists() -> None:
    """Let ``tasks=[semantic,depth]`` choose among the options of ``task``, so that no subset needs a file."""
    store = ConfigStore.instance()
    for several, group in LISTS.items():
        for name in (*options(group), *own_options(group), *ADDED.get(group, {})):
            store.store(group=several, name=name, node={"defaults": [{f"/{group}@{name}": name}]}, provider=group)


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Merge two mappings, and the mappings in them; values of ``above`` take precedence."""
    both = {k: _merged(below[k], v) for k, v in above.items() if isinstance(v, Mapping) and k in below}
    return {**below, **above, **both}
