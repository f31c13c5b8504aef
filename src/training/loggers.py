"""Loggers beside metrics.csv."""

from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from src.foundation.errors import UserError
from src.foundation.registry import Registry

LOGGERS = Registry("logger", "src.training", given=("folder",))
"""Functions from the run directory to a Lightning logger, or to None."""


@LOGGERS.register("csv")
def csv_alone(folder: Path) -> None:
    """Build nothing: metrics.csv is written by every run."""


@LOGGERS.register()
def wandb(
    folder: Path,
    project: Annotated[str, Field(description="name of the project")],
    offline: Annotated[bool, Field(description="write to disk alone, to be sent with `wandb sync`")] = True,
) -> Any:
    """Build Weights & Biases' logger; raises UserError where it is not installed."""
    from pytorch_lightning.loggers import WandbLogger

    try:
        return WandbLogger(project=project, offline=offline, save_dir=str(folder))
    except (ImportError, ModuleNotFoundError) as error:
        raise UserError(
            "logger=wandb needs wandb", str(error).split(". ")[0], "pip install --editable '.[wandb]'"
        ) from error
