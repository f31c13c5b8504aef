"""Catches values of the wrong kind before they fail deep inside a library."""

from collections.abc import Sequence
from typing import Any

from hydra import compose
from omegaconf import DictConfig, OmegaConf

from src.cli import CONF
from src.errors import UserError


def check_values(config: DictConfig, config_name: str, overrides: Sequence[str]) -> None:
    """Raise UserError where the command line gives text for what is a number by default.

    The defaults are those of the same choice of options, composed without the command line's values.
    """
    valued = [o.split("=", 1)[0] for o in overrides if "." in o.split("=", 1)[0] or not _is_choice(o)]
    choices = [override for override in overrides if override.split("=", 1)[0] not in valued]
    defaults = compose(config_name, choices)
    for key in valued:
        name = key.lstrip("+~")
        default, value = (_plain(OmegaConf.select(tree, name)) for tree in (defaults, config))
        if isinstance(default, int | float) and not isinstance(default, bool) and isinstance(value, str):
            raise UserError(f"{name}={value} is not a number", f"the default is {default}", f"{name}={default}")


def _plain(value: Any) -> Any:
    return None if OmegaConf.is_config(value) else value


def _is_choice(override: str) -> bool:
    """Whether an override chooses an option of a group; otherwise it sets a value."""
    return (CONF / override.split("=", 1)[0].lstrip("+~").split("@")[0]).is_dir()
