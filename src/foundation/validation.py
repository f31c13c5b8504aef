"""Validation of values against types and bounds: every mistake at once, in words, with the nearest known name."""

import difflib
import json
import re
from collections.abc import Collection
from typing import Any, TypeVar

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from src.foundation.errors import UserError

T = TypeVar("T")

STRICT = ConfigDict(
    extra="forbid", strict=True, allow_inf_nan=False, arbitrary_types_allowed=True, protected_namespaces=()
)
"""No value is converted to another type, no key is ignored, no number may be infinite or NaN."""

ALTERNATIVE = re.compile(
    r"int|float|bool|str|none|dict|list|(constrained-|json-or-python\[|literal\[|list\[|dict\[|tuple\[|fixed-|function-|nullable\[).*|[A-Z]\w*"
)
"""Steps in the place of an error that are no keys."""

FEW = 12
"""Most names that are listed beside a suggestion."""
SYNONYMS = {
    "epochs": "trainer.max_epochs",
    "learning_rate": "optimiser.lr",
    "bs": "dataset.batch_size",
    "gpus": "trainer.devices",
}

KINDS = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "string_type": "text",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "mapping_type": "a mapping",
    "none_required": "null",
    "dataclass_type": "a mapping",
}
"""The values that a field takes, by pydantic's kind of error."""


def validated(
    kind: type[T], value: Any, where: str = "", known: Collection[str] = ()
) -> tuple[T | None, list[UserError]]:
    """Read plain values (mappings, lists, numbers, text) as ``kind``; returns it, or None and every mistake.

    Args:
        kind: a dataclass or model whose fields carry types, bounds and descriptions.
        value: the plain values.
        where: name of ``value`` in messages, such as ``trainer``.
        known: full names of all keys that there are, to name the one that was meant.
    """
    try:
        # by way of JSON, where strict types still take mappings for dataclasses and lists for tuples
        return TypeAdapter(kind).validate_json(json.dumps(value, default=str)), []
    except ValidationError as error:
        return None, _told_once(error.errors(include_url=False), where, known)


def nearest(name: str, known: Collection[str]) -> str | None:
    """Find the known name that was most likely meant: the same word elsewhere, or the nearest spelling."""
    parent, _, leaf = name.rpartition(".")
    if SYNONYMS.get(name) in known:
        return SYNONYMS[name]
    if same := [key for key in known if key.rpartition(".")[2] == leaf]:
        return min(same, key=len)
    beside = [key for key in known if key.rpartition(".")[0] == parent]
    for cutoff, among in ((0.6, beside), (0.8, known)):
        by_leaf = {key.rpartition(".")[2]: key for key in sorted(among, key=len, reverse=True)}
        if found := difflib.get_close_matches(leaf, by_leaf, n=1, cutoff=cutoff):
            return by_leaf[found[0]]
    return None


def unknown_key(key: str, value: Any, known: Collection[str]) -> UserError:
    """Return the error for an unknown ``key``, with the key that was probably meant and the keys beside it."""
    parent = key.rpartition(".")[0]
    siblings = [name.rpartition(".")[2] for name in known if name.rpartition(".")[0] == parent]
    meant = nearest(key, known)
    few = len(siblings) <= FEW or not meant
    beside = f"{parent or 'the top level'} has {', '.join(sorted(siblings))}" if siblings and few else ""
    return UserError(f"there is no key {key}", beside, f"{meant}={short(value)}" if meant else "")


def unknown_name(kind: str, name: Any, known: Collection[str]) -> UserError:
    """Return the error for a ``name`` that is no ``kind``, with those that are."""
    meant = nearest(str(name), known)
    return UserError(
        f"{kind}={name} is unknown", f"there are {', '.join(sorted(known))}", f"{kind}={meant}" if meant else ""
    )


def _told_once(errors: list[ErrorDetails], where: str, known: Collection[str]) -> list[UserError]:
    """Return one error per key: a value that fits none of several types fails once for each, and once more inside."""
    by_place: dict[str, list[ErrorDetails]] = {}
    for error in errors:
        by_place.setdefault(_place(error, where), []).append(error)
    inner = {key: any(other.startswith(f"{key}.") for other in by_place) for key in by_place}
    return [_sentence(key, found, known) for key, found in by_place.items() if not inner[key]]


def _place(error: ErrorDetails, where: str) -> str:
    """Name the key of an error, without the steps by which pydantic names the alternatives of a union."""
    steps = [str(step) for step in error["loc"] if not ALTERNATIVE.fullmatch(str(step))]
    return ".".join([where, *steps] if where else steps)


def _sentence(key: str, errors: list[ErrorDetails], known: Collection[str]) -> UserError:
    """Write the errors of one key as a UserError."""
    kind, value = errors[0]["type"], errors[0]["input"]
    if kind in ("unexpected_keyword_argument", "extra_forbidden"):
        return unknown_key(key, value, known)
    if kind in ("missing", "missing_argument"):
        return UserError(f"{key} is missing", "it has no default", f"{key}=...")
    wanted = dict.fromkeys(_wanted(error) for error in errors)
    return UserError(f"{key}={short(value)} is not {' or '.join(wanted)}")


def _wanted(error: ErrorDetails) -> str:
    """Describe in words which values an error's field takes."""
    kind, context = error["type"], error.get("ctx", {})
    bounds = {
        "greater_than": "above",
        "greater_than_equal": "at least",
        "less_than": "below",
        "less_than_equal": "at most",
    }
    if kind in bounds:
        return f"{bounds[kind]} {next(iter(context.values())):g}"
    if kind == "literal_error":
        choices = context["expected"].replace("'", "").replace(" or ", ", ").split(", ")
        return f"one of {', '.join(dict.fromkeys(choices))}"
    if kind in ("too_short", "too_long"):
        return f"of {context.get('min_length', context.get('max_length'))} entries"
    return KINDS.get(kind, error["msg"].removeprefix("Value error, ").removeprefix("Input should be "))


def short(value: Any) -> str:
    """Write a value as the command line takes it, in at most 60 characters."""
    text = {None: "null", True: "true", False: "false"}.get(value) if isinstance(value, bool | None) else str(value)
    text = (text or "").replace("'", "")
    return text if len(text) <= 60 else text[:57] + "..."
