"""Catches values of the wrong kind before they fail, or pass for something else, deep inside a library."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra import compose
from omegaconf import DictConfig, OmegaConf

from src.errors import UserError

CONF = Path(__file__).resolve().parent.parent / "conf"


def check_values(config: DictConfig, config_name: str, overrides: Sequence[str]) -> None:
    """Raise UserError where the command line gives text for what is a number, or true or false, by default.

    The defaults are those of the same choice of options, composed without the command line's values.
    """
    keys = [override.split("=", 1)[0] for override in overrides]
    valued = [key for key in keys if not (CONF / key.lstrip("+~").split("@")[0]).is_dir()]
    choices = [override for override, key in zip(overrides, keys, strict=True) if key not in valued]
    defaults = compose(config_name, choices)
    for key in valued:
        name = key.lstrip("+~")
        default, value = (_plain(OmegaConf.select(tree, name)) for tree in (defaults, config))
        if isinstance(value, str) and isinstance(default, int | float):
            kind = "true or false" if isinstance(default, bool) else "a number"
            raise UserError(f"{name}={value} is not {kind}", f"the default is {default}", f"{name}={default}")


def require_at_least_one(**values: int) -> None:
    """Raise UserError for a count below 1, by its name."""
    for name, value in values.items():
        if value < 1:
            raise UserError(f"{name}={value} makes no sense", "it must be at least 1")


def require_not_negative(**values: float) -> None:
    """Raise UserError for a number below 0, by its name."""
    for name, value in values.items():
        if value < 0:
            raise UserError(f"{name}={value} makes no sense", "it must not be negative")


def _plain(value: Any) -> Any:
    return None if OmegaConf.is_config(value) else value
