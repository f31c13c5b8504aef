"""A directory of its own for each run, even for two that start in the same second."""

import secrets
from datetime import datetime
from functools import cache
from pathlib import Path

from omegaconf import OmegaConf


@cache
def _name_in_this_process() -> str:
    return f"{datetime.now():%Y-%m-%d_%H-%M-%S}-{secrets.token_hex(3)}"


def run_directory(resume: str | None, parent: str) -> str:
    """Name the run directory: the one that is resumed, or a new one below ``parent``."""
    return resume or str(Path(parent) / _name_in_this_process())


def start_anew() -> None:
    """Let the next command of this process have a name of its own."""
    _name_in_this_process.cache_clear()


OmegaConf.register_new_resolver("run_directory", run_directory, replace=True)
