"""How a command starts: its configuration is composed and read, and mistakes are reported in plain words."""

import os
import sys
import traceback
from collections.abc import Callable, Sequence
from contextlib import chdir
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, NoReturn, TypeVar

import hydra
import yaml
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from src.app.composing import composed_values
from src.app.conf import CONF, register_lists
from src.app.configuration.reading import read
from src.app.help import wants_help, write_help
from src.app.launching import announced, result_of_failure, table_at_the_end
from src.app.overrides import plain, put_back, read_command_line
from src.app.sweep import Job, Sweep
from src.app.termination import sigterm_ends_like_an_interrupt
from src.foundation.errors import UserError, refuse
from src.foundation.registry import import_extensions

C = TypeVar("C")
Rules = Callable[[Any, Sequence[str]], list[UserError]]
Complete = Callable[[dict[str, Any]], dict[str, Any]]

# Lightning's error for a mistake in use, and submitit's for a job that ended with status 1, which holds its output;
# compared by name, since importing Lightning takes seconds and submitit may be absent
TOLD_PLAINLY = ("MisconfigurationException", "UncompletedJobError")


@dataclass(frozen=True)
class Invocation(Generic[C]):
    """What a command was called with: its configuration, the same as plain values, and the overrides.

    ``trace``: whether errors are shown with their traces. ``job``: what the command may say of how it went.
    """

    config: C
    values: dict[str, Any]
    overrides: list[str]
    trace: bool = False
    job: Job = field(default_factory=lambda: Job(0, []))


def run(
    command: Callable[[Invocation[C]], Any],
    config_name: str,
    kind: type[C],
    rules: Rules | None = None,
    *,
    expand: Callable[[Sequence[str]], Sequence[str]] = list,
    complete: Complete = dict,
) -> None:
    """Run ``command`` on the composed configuration ``conf/<config_name>.yaml``, from any working directory.

    Paths are relative to that directory, under hydra.job.chdir=true as well.

    A user's mistake ends with a message on stderr and status 1, an interrupt with 130, SIGTERM with 143. In a sweep
    they end a job alone, the last two all of it; a table of the jobs is printed at its end, and the status is 1 where
    one has failed. With HYDRA_FULL_ERROR=1 in the environment every error is shown with its trace.

    Args:
        command: gets the configuration; what it returns is what a sweeper optimises.
        config_name: file in conf.
        kind: dataclass of the configuration.
        rules: returns an error for each rule between fields that is broken.
        expand: returns the arguments in full, where some stand for others.
        complete: returns the resolved values with what the command line leaves open.
    """
    before = os.environ.get("HYDRA_FULL_ERROR")
    trace = before not in (None, "", "0")

    arguments = sys.argv

    def guarded(composed: Any) -> Any:
        sys.argv = arguments  # what was typed: records repeat it, and Lightning starts further processes by it
        overrides, sweep = plain(HydraConfig.get().overrides.task), Sweep.current()
        job = sweep.begin(HydraConfig.get().job.num, overrides) if sweep else Job(0, overrides)
        outcome, message = "interrupted", None
        try:
            resolved: Any = OmegaConf.to_container(composed, resolve=True, throw_on_missing=True)
            with chdir(HydraConfig.get().runtime.cwd):  # paths are relative to it, hydra.job.chdir or not
                values = complete(put_back(resolved))
                result = command(
                    Invocation(read_checked(kind, values, overrides, rules), values, overrides, trace, job)
                )
            outcome = "finished"
            return result
        except Exception as error:
            outcome, message = "failed", plain_words(error) or f"{type(error).__name__}: {error}"
            if sweep is None:
                _end(error, trace)
            _tell(error, trace)
            return result_of_failure(sweep)
        finally:
            _remove_if_empty(Path(HydraConfig.get().runtime.output_dir))
            if sweep:
                sweep.end(job, outcome, message)

    register_lists()
    if wants_help(sys.argv[1:]):
        write_help(config_name, kind)
        return
    os.environ["HYDRA_FULL_ERROR"] = "1"  # otherwise Hydra prints traces itself and exits before anything is caught
    try:
        with sigterm_ends_like_an_interrupt(), table_at_the_end():
            sys.argv = [
                arguments[0],
                *announced(_checked_arguments(config_name, kind, expand(arguments[1:]), complete)),
            ]
            hydra.main(version_base="1.3", config_path=str(CONF), config_name=config_name)(guarded)()
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)
    except Exception as error:
        _end(error, trace)
    finally:
        sys.argv = arguments
        os.environ.pop("HYDRA_FULL_ERROR") if before is None else os.environ.update(HYDRA_FULL_ERROR=before)


def read_checked(kind: type[C], values: dict[str, Any], overrides: Sequence[str], rules: Rules | None) -> C:
    """Read resolved values as a configuration; raises UserError with every mistake in them."""
    import_extensions(values.get("extensions") or [])
    config, mistakes = read(kind, values)
    if config is not None and not mistakes and rules is not None:
        mistakes += rules(config, overrides)
    refuse(mistakes)
    assert config is not None
    return config


def _checked_arguments(config_name: str, kind: type[Any], arguments: Sequence[str], complete: Complete) -> list[str]:
    """Return the arguments for Hydra, which would stop at the first group or option that does not exist.

    Raises:
        UserError: all such mistakes, and the others in the same command.
    """
    line = read_command_line(arguments, config_name)
    if line.mistakes:
        wrong = {mistake.what.partition("=")[0] for mistake in line.mistakes}
        others = [a for a in line.rewritten if not a.startswith("-") and a.lstrip("+~").partition("=")[0] not in wrong]
        try:
            refuse([*line.mistakes, *read(kind, complete(put_back(composed_values(config_name, others))))[1]])
        except (HydraException, OmegaConfBaseException):
            refuse(line.mistakes)
    return line.rewritten


def _remove_if_empty(folder: Path) -> None:
    """Remove the folder that Hydra made for a run which then wrote nothing into it."""
    if folder.is_dir() and folder != Path.cwd() and not any(folder.iterdir()):
        folder.rmdir()


def _end(error: Exception, trace: bool) -> NoReturn:
    """End the command with a plain message for a user's mistake, or raise the error again."""
    if trace or plain_words(error) is None:
        raise error
    _tell(error, trace)
    sys.exit(1)


def _tell(error: Exception, trace: bool) -> None:
    """Print a plain message for a user's mistake, or an error's trace."""
    message = plain_words(error)
    if trace or message is None:
        traceback.print_exception(error)
    else:
        print(f"error: {message}", file=sys.stderr)


def plain_words(error: BaseException) -> str | None:
    """Return the message of a mistake in use or configuration; None for anything else, which is a bug."""
    chain = _chain(error)
    for link in chain:
        if isinstance(link, UserError) or type(link).__name__ in TOLD_PLAINLY:
            return str(link)
    if isinstance(chain[0], yaml.YAMLError):
        return "a configuration is no valid YAML: " + " ".join(str(error).split())
    if not isinstance(chain[0], HydraException | OmegaConfBaseException):
        return None
    missing = "hydra/launcher/submitit" in str(error)
    return str(error).strip() + ("\n  mend: pip install --editable '.[slurm]'" if missing else "")


def _chain(error: BaseException | None) -> list[BaseException]:
    """Return an error and those that it was raised from, in that order."""
    links: list[BaseException] = []
    while error is not None and error not in links:
        links.append(error)
        error = error.__cause__
    return links
