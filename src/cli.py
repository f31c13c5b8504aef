"""How a command starts: Hydra around it, and mistakes told in plain words."""

import os
import sys
from collections.abc import Callable
from typing import Any, NoReturn

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from src.errors import UserError
from src.values import CONF, check_values

# Lightning's word for a mistake in use, and submitit's for a job that ended with status 1, with what the job said;
# told by name, since importing Lightning takes seconds and submitit need not be there
SAID_PLAINLY = ("MisconfigurationException", "UncompletedJobError")


def run(task_function: Callable[[DictConfig], Any], config_name: str) -> None:
    """Run ``task_function`` on the composed configuration ``conf/<config_name>.yaml``, from any working directory.

    A user's mistake ends with a message on stderr and status 1, an interrupt with 130. With HYDRA_FULL_ERROR=1 in
    the environment everything comes with its trace.
    """
    before = os.environ.get("HYDRA_FULL_ERROR")
    trace = before not in (None, "", "0")

    def guarded(config: DictConfig) -> Any:
        try:
            check_values(config, config_name, HydraConfig.get().overrides.task)
            return task_function(config)
        except Exception as error:
            _end(error, trace)

    os.environ["HYDRA_FULL_ERROR"] = "1"  # otherwise Hydra prints traces itself and exits before anything is caught
    try:
        hydra.main(version_base="1.3", config_path=str(CONF), config_name=config_name)(guarded)()
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)
    except Exception as error:
        _end(error, trace)
    finally:
        os.environ.pop("HYDRA_FULL_ERROR") if before is None else os.environ.update(HYDRA_FULL_ERROR=before)


def _end(error: Exception, trace: bool) -> NoReturn:
    """End the command with a plain message for a user's mistake, or pass the error on."""
    message = plain(error)
    if trace or message is None:
        raise error
    print(f"error: {message}", file=sys.stderr)
    sys.exit(1)


def plain(error: BaseException) -> str | None:
    """Give the words for a mistake in use or configuration; None for anything else, which is a bug."""
    chain = _chain(error)
    for link in chain:
        if isinstance(link, UserError) or type(link).__name__ in SAID_PLAINLY:
            return str(link)
    # what a configured object raised inside instantiate() is a bug of that object, not of the configuration
    if not all(isinstance(link, HydraException | OmegaConfBaseException) for link in chain[:2]):
        return None
    missing = "hydra/launcher/submitit" in str(error)
    return str(error).strip() + ("\n  mend: pip install --editable '.[slurm]'" if missing else "")


def _chain(error: BaseException | None) -> list[BaseException]:
    links: list[BaseException] = []
    while error is not None and error not in links:
        links.append(error)
        error = error.__cause__
    return links
