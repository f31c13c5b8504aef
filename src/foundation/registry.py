"""Parts by kind and name: all that a configuration or a file can name, and nothing else."""

import importlib
import importlib.util
import inspect
import pkgutil
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

from src.foundation.errors import UserError, refuse
from src.foundation.part_options import (
    TARGET,
    Part,
    nested_targets,
    options_model,
    parameters_of,
    slots_of,
)
from src.foundation.validation import unknown_key, unknown_name, validated

P = TypeVar("P", bound=Part)


class Registry:
    """The parts of one kind, such as networks, by the names that configurations and files give them.

    A part is a function or class whose annotated options are what a configuration can set: ``_target_`` names it and
    the other keys are its options. Parts of this project are found in ``package``; those of other packages bear the
    name of their module too, and are known once that module is imported (``extensions``).

    Args:
        kind: the group in conf.
        package: where this project's parts of the kind are; its modules are imported when a part is looked up.
        given: parameters that the code gives, never a configuration.
    """

    def __init__(self, kind: str, package: str, given: Sequence[str] = ()) -> None:
        self.kind, self.package, self.given = kind, package, tuple(given)
        self._parts: dict[str, Part] = {}
        self._traits: dict[str, Any] = {}
        self._complete = False
        self._finish: Part | None = None
        REGISTRIES[kind] = self

    def register(self, name: str | None = None, traits: Any = None) -> Callable[[P], P]:
        """Register a function or class as a part, under its own name in lower case unless ``name`` is given."""

        def add(part: P) -> P:
            own = part.__module__.startswith(f"{self.package}.") or part.__module__ == self.package
            key = name or _snake_case(part.__name__)
            key = key if own else f"{part.__module__}.{key}"
            self._parts[key], self._traits[key] = part, traits
            return part

        return add

    def add(self, name: str, part: Part) -> None:
        """Register an object of a library as a part."""
        self._parts[name], self._traits[name] = part, None

    def finish(self, function: P) -> P:
        """Let ``function`` finish every part of the kind: it gets the built part, and all parts take its options."""
        self._finish = function
        return function

    def takes(self, config: Mapping[str, Any], parameter: str) -> bool:
        """Whether the part that ``config`` names has ``parameter``."""
        return parameter in inspect.signature(self.part(config)).parameters

    def names(self) -> list[str]:
        """List the names of all parts."""
        if not self._complete:
            for module in pkgutil.iter_modules(importlib.import_module(self.package).__path__):
                importlib.import_module(f"{self.package}.{module.name}")
            self._complete = True
        return sorted(self._parts)

    def traits(self, config: Mapping[str, Any]) -> Any:
        """Return the traits of the part that ``config`` names."""
        return self._traits[self._name(config, self.kind)]

    def part(self, config: Mapping[str, Any], where: str = "") -> Part:
        """Return the part that ``config`` names; raises UserError for a name that is not registered."""
        return self._parts[self._name(config, where or self.kind)]

    def options(self, config: Mapping[str, Any], where: str = "") -> dict[str, inspect.Parameter]:
        """Return the parameters that a configuration of this part can set, by name."""
        return parameters_of(self.part(config, where), self.given) | self.options_of_all()

    def options_of_all(self) -> dict[str, inspect.Parameter]:
        """Return the parameters that every part of the kind takes, by name: those of what finishes parts."""
        if not self._finish:
            return {}
        return dict(list(parameters_of(self._finish).items())[1:])  # the first is the built part

    def mistakes(self, config: Mapping[str, Any], where: str = "") -> list[UserError]:
        """Return every mistake in a part's configuration: its name, keys, types and bounds, those of its slots too."""
        return self._read(config, where or self.kind)[1]

    def build(self, config: Mapping[str, Any], *given: Any, **more: Any) -> Any:
        """Build the part that ``config`` names from what the code gives and the options; raises UserError."""
        options, mistakes = self._read(config, self.kind)
        refuse(mistakes)
        of_all = {key: options.pop(key) for key in self.options_of_all() if key in options}
        built = self.part(config)(*given, **more, **options)
        return self._finish(built, **of_all) if self._finish else built

    def bind(self, config: Mapping[str, Any]) -> Any:
        """Return the part with its options set, to be called with what the code gives; one that takes none is built."""
        options, mistakes = self._read(config, self.kind)
        refuse(mistakes)
        part = self.part(config)
        if self._finish:
            return partial(self.build, config)
        takes_given = self.given and self.given[0] in inspect.signature(part).parameters
        return partial(part, **options) if takes_given else part(**options)

    def _name(self, config: Mapping[str, Any], where: str) -> str:
        """Return the registered name that ``config`` holds; raises UserError for any other."""
        name = config.get(TARGET) if isinstance(config, Mapping) else config
        if isinstance(name, str) and (name in self._parts or name in self.names()):
            return name
        if isinstance(name, str) and "." in name:
            raise UserError(
                f"{where} names '{name}', which is no {self.kind} that is known here",
                "code from outside this project runs only where the command line names its module",
                f"'extensions=[{name.rpartition('.')[0]}]'",
            )
        if name is None:
            raise UserError(f"{where} lacks {TARGET}", f"it names the {self.kind}, one of {', '.join(self.names())}")
        if isinstance(name, str) and importlib.util.find_spec(f"{self.package}.{name}"):
            raise UserError(
                f"{where}.{TARGET}={name} is not registered",
                f"{self.package}.{name} is there, but registers no part of that name",
                f"put @{self.kind.upper()}S.register() or the like above it, as in its neighbours",
            )
        raise unknown_name(f"{where}.{TARGET}", name, self.names())

    def _read(self, config: Mapping[str, Any], where: str) -> tuple[dict[str, Any], list[UserError]]:
        """Validate options against the part's annotations and build its slots."""
        try:
            options = self.options(config, where)
        except UserError as error:
            return {}, [error]
        given = {key: value for key, value in config.items() if key != TARGET}
        known = [f"{where}.{name}" for name in options]
        mistakes = [unknown_key(f"{where}.{key}", value, known) for key, value in given.items() if key not in options]
        given = {key: value for key, value in given.items() if key in options}
        part = self.part(config)
        of_all = {key: given.pop(key) for key in self.options_of_all() if key in given}
        read, wrong = validated(options_model(part, self.given), given, where, known)
        mistakes += [*wrong, *nested_targets(given, slots_of(part), where)]
        values = {key: getattr(read, key) for key in given} if read else {}
        if self._finish:
            read, wrong = validated(options_model(self._finish, tuple(parameters_of(self._finish))[:1]), of_all, where)
            mistakes += wrong
            values |= {key: getattr(read, key) for key in of_all} if read else {}
        for key, slot in slots_of(part).items():
            if isinstance(given.get(key), Mapping):
                registry = REGISTRIES[slot.kind]
                inner = registry.mistakes(given[key], f"{where}.{key}")
                mistakes += inner
                values[key] = registry.build(given[key]) if slot.built and not inner else given[key]
        return values, mistakes


REGISTRIES: dict[str, Registry] = {}
"""Every kind of part, by its name."""


def import_extensions(modules: Sequence[str]) -> None:
    """Import modules of a user's own, which register their parts; raises UserError where that fails."""
    for module in modules:
        try:
            importlib.import_module(module)
        except Exception as error:  # whatever is wrong with code of the user's own
            raise UserError(
                f"extensions names {module}, which cannot be imported",
                f"{type(error).__name__}: {error}",
                "install it, or name its folder: PYTHONPATH=FOLDER python -m ...",
            ) from error


def _snake_case(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
