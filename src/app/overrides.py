"""The command line's overrides: groups and their options are checked before anything is composed."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra._internal.utils import get_args_parser
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException

from src.app.conf import CONF, choices, option_group, own_options, usual_options
from src.foundation.errors import UserError
from src.foundation.registry import REGISTRIES
from src.foundation.validation import nearest

ASIDE = "aside"
"""Key below which Hydra gets a value whose key has the name of another command's group: Hydra treats every folder in
conf as a group, of any command."""


@dataclass(frozen=True)
class CommandLine:
    """A command line whose overrides have been checked.

    Args:
        rewritten: the arguments for Hydra; keys that are no groups may be new, since they are checked later.
        choices: the overrides that choose options of groups.
        mistakes: options of groups that do not exist.
    """

    rewritten: list[str]
    choices: list[str]
    mistakes: list[UserError]


def read_command_line(arguments: Sequence[str], config_name: str = "train") -> CommandLine:
    """Check a command's arguments against the groups in the defaults list of its configuration.

    Raises:
        UserError: an override that cannot be parsed.
    """
    options_of_hydra = get_args_parser().parse_known_args(list(arguments))[0]
    given, folder = options_of_hydra.overrides, options_of_hydra.config_dir
    if folder and not Path(folder).is_dir():
        raise UserError(f"--config-dir={folder} is no folder", "it holds the yamls of parts of your own")
    try:
        parsed = OverridesParser.create().parse_overrides(given)
    except HydraException as error:
        raise UserError("an override cannot be read", str(error).strip(), "quote it: 'key=[a,b]'") from error
    known = usual_options(config_name)
    rewritten = {line: _open(override, known) for line, override in zip(given, parsed, strict=True)}
    groups = [override for override in parsed if _group(override, known)]
    return CommandLine(
        [rewritten.get(argument, argument) for argument in arguments],
        [str(override.input_line) for override in groups],
        [mistake for override in groups for mistake in _unknown_options(override)],
    )


def plain(overrides: Sequence[str]) -> list[str]:
    """Return overrides as a user writes them, without the plus signs that let Hydra take new keys."""
    return [override.lstrip("+").removeprefix(f"{ASIDE}.") for override in overrides]


def put_back(values: Mapping[str, Any]) -> dict[str, Any]:
    """Move the values below ASIDE back to the keys that the command line names."""
    return {key: value for key, value in values.items() if key != ASIDE} | dict(values.get(ASIDE, {}))


def select_overrides(overrides: Sequence[str], *starts: str) -> list[str]:
    """Select the overrides of the keys or groups ``starts``, such as ``adaptor`` (its values too)."""
    keys = {override: override.lstrip("+~").split("=", 1)[0] for override in overrides}
    return [o for o, key in keys.items() if any(key == start or key.startswith(f"{start}.") for start in starts)]


def _group(override: Override, known: Collection[str]) -> bool:
    key = override.key_or_group
    return key in known or key.startswith("hydra/")


def _open(override: Override, known: Collection[str]) -> str:
    """Let an override of a key, not of a group or of Hydra itself, set a key that is not there yet."""
    line, first = str(override.input_line), override.key_or_group.partition(".")[0]
    if _group(override, known) or first == "hydra" or line.startswith("~"):
        return line
    aside = f"{ASIDE}." if first not in known and (CONF / first).is_dir() else ""
    return f"++{aside}{line.lstrip('+')}"


def _unknown_options(override: Override) -> Iterator[UserError]:
    """Yield an error for each option of a group that does not exist."""
    group = override.key_or_group
    known = sorted({*choices(group), *own_options(option_group(group))})
    if group.startswith("hydra/") or override.is_delete():
        return
    chosen = override.value()
    values = list(override.sweep_iterator()) if override.is_sweep_override() else [chosen]
    for value in values:
        names = [str(name) for name in value] if isinstance(value, list) else []
        if twice := [name for name in names if names.count(name) > 1]:
            once = ",".join(dict.fromkeys(names))
            yield UserError(f"{group} has {twice[0]} twice", "each option has one place", f"{group}=[{once}]")
        for name in value if isinstance(value, list) else [value]:
            text = str(getattr(name, "text", name))
            if name is not None and text not in known and "/" not in text:
                yield _unknown_option(group, text, known)


def _unknown_option(group: str, name: str, known: Sequence[str]) -> UserError:
    """Return an error that names the option that was probably meant, or the yaml that a registered part lacks."""
    folder = option_group(group)
    registry, meant = REGISTRIES.get(folder), nearest(name, known)
    why = f"options of {group} are {', '.join(known)}"
    if registry is not None and name in registry.names():
        why = f"it is registered, but no option of {group} names it"
        return UserError(f"{group}={name} has no yaml", why, f"write conf/{folder}/{name}.yaml: '_target_: {name}'")
    return UserError(f"{group}={name} is unknown", why, f"{group}={meant}" if meant else "")
