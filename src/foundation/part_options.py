"""The options of a part: what the annotations of a function or class let a configuration set."""

import inspect
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from pydantic import BaseModel, create_model

from src.foundation.errors import UserError
from src.foundation.validation import STRICT

TARGET = "_target_"
"""The key that names a part; all others are its options."""

Part = Callable[..., Any]


@dataclass(frozen=True)
class Slot:
    """Marks an option that is itself a part: ``schedule: Annotated[Schedule, Slot("schedule")]``."""

    kind: str
    built: bool = True
    """Whether the option comes built; else it comes as a configuration that was checked."""


def nested_targets(value: Any, slots: Mapping[str, Slot], where: str) -> Iterator[UserError]:
    """Yield an error for each part inside an option that is no slot, since nothing would build it."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if key == TARGET:
                yield UserError(f"{where} holds a {TARGET} of its own ({inner})", "this option is no part")
            elif key not in slots:
                yield from nested_targets(inner, {}, f"{where}.{key}")
    elif isinstance(value, list):
        for inner in value:
            yield from nested_targets(inner, {}, where)


def parameters_of(part: Part, given: Collection[str] = ()) -> dict[str, inspect.Parameter]:
    """Return the named parameters of a part, but those that the code gives."""
    parameters = inspect.signature(part).parameters.values()
    named = [p for p in parameters if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]
    return {p.name: p for p in named if p.name not in given}


def annotations(part: Part) -> dict[str, Any]:
    """Return the annotations of a part's parameters, with bounds and descriptions."""
    function: Any = part.__init__ if inspect.isclass(part) else part  # type: ignore[misc]
    return get_type_hints(function, include_extras=True)


def slots_of(part: Part) -> dict[str, Slot]:
    """Return the options of a part that are parts themselves."""
    marked = {n: get_args(a)[1:] for n, a in annotations(part).items() if get_origin(a) is Annotated}
    return {name: mark for name, marks in marked.items() for mark in marks if isinstance(mark, Slot)}


@cache
def options_model(part: Part, given: tuple[str, ...]) -> type[BaseModel]:
    """Build a pydantic model of a part's options, with the types, bounds and defaults of its signature."""
    types, slots = annotations(part), slots_of(part)
    fields: dict[str, Any] = {}
    for name, parameter in parameters_of(part, given).items():
        required = parameter.default is parameter.empty
        slot = dict[str, Any] | None if parameter.default is None else dict[str, Any]
        fields[name] = slot if name in slots else types.get(name, Any), ... if required else parameter.default
    return create_model(part.__name__, __config__=STRICT, **fields)
