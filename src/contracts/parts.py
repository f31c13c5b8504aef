"""The parts that a command line names: options of groups, or registered names."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig, OmegaConf

from src.app.conf import CONF, register_lists, usual_options
from src.foundation.errors import UserError, refuse
from src.foundation.part_options import TARGET
from src.foundation.registry import REGISTRIES
from src.foundation.validation import unknown_name
from src.runs import directory  # noqa: F401  (registers the resolver that conf/train.yaml uses)

DATASET, SOURCE = "dataset", "source"


@dataclass(frozen=True)
class Part:
    """A part that the command line names.

    Args:
        group: its group in conf.
        name: the option of the group, or the name that it is registered under.
        config: ``_target_`` and options; of a dataset, what its yaml declares, with those of its ``source``.
    """

    group: str
    name: str
    config: dict[str, Any]


def find_parts(named: Mapping[str, str], options: Mapping[str, Any]) -> list[Part]:
    """Find the configuration of each part, ``named`` by group; ``options`` override those of a single part.

    Raises:
        UserError: nothing or an unknown part is named, or options that it does not have.
    """
    if not named:
        raise UserError("there is nothing to check", "no part is named", "python -m src.check distance=normalised")
    if options and len(named) > 1:
        raise UserError("options belong to a single part", f"{', '.join(named)} are named", "check one at a time")
    register_lists()
    with _search_path():
        usual = usual_options("train")
        known = {group: name for group, name in named.items() if name in _options(group)}
        chosen = [f"{group}={name}" if group in usual else f"+{group}={name}" for group, name in known.items()]
        values = compose("train", chosen) if chosen else DictConfig({})
        return [Part(group, name, _config(values, group, name, options)) for group, name in named.items()]


@contextmanager
def _search_path() -> Iterator[None]:
    """Use the running command's search path, which may include a user's own folder; without a command, conf alone."""
    if GlobalHydra.instance().is_initialized():
        yield
        return
    with initialize_config_dir(str(CONF), version_base="1.3"):
        yield


def _options(group: str) -> list[str]:
    return GlobalHydra.instance().config_loader().get_group_options(group)


def _config(values: DictConfig, group: str, name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the configuration of a part, from composed values where it is an option of its group."""
    registry = REGISTRIES[SOURCE if group == DATASET else group]
    if name in _options(group):
        config: Any = OmegaConf.to_container(values[group], resolve=True)
    else:
        if "." not in name and name not in registry.names():
            raise unknown_name(group, name, sorted({*_options(group), *registry.names()}))
        registry.part({TARGET: name}, group)
        config = {SOURCE: {TARGET: name}} if group == DATASET else {TARGET: name}
    given = {SOURCE: dict(options)} if group == DATASET else dict(options)
    merged: Any = OmegaConf.to_container(OmegaConf.merge(config, given))
    where = "options" if options else group  # so that what mends a mistake works on this command line
    refuse(registry.mistakes(merged[SOURCE] if group == DATASET else merged, where))
    return dict(merged)
