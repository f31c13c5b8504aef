"""``--help`` of a command: its groups, its keys with types, bounds and descriptions, and examples."""

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from src.app.conf import CONF, choices, usual_options
from src.app.configuration.kinds import OpenMap, PartOf
from src.app.configuration.reading import annotated_fields, dataclass_of
from src.foundation.registry import REGISTRIES

NAMES = {int: "a whole number", float: "a number", bool: "true or false", str: "text", NoneType: "null"}
HIDDEN = ("names",)
"""Sections that the program sets itself."""


def wants_help(arguments: Sequence[str]) -> bool:
    """Whether a command's arguments ask for help."""
    return any(argument in ("--help", "-h") for argument in arguments)


def write_help(config_name: str, kind: type[Any]) -> None:
    """Print the help of a command; a reader that closes early, such as head, is no error."""
    try:
        print("\n".join(help_lines(config_name, kind)))
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def help_lines(config_name: str, kind: type[Any]) -> Iterator[str]:
    """Yield the lines of a command's help."""
    yield f"python -m src.{config_name} [GROUP=OPTION ...] [KEY=VALUE ...]"
    yield from ("", "Examples:", *(f"  {example}" for example in examples(config_name)))
    if groups := group_lines(config_name):
        yield from ("", "Groups, and the option that is taken by default:")
        yield from (f"  {group:<14} {usual or '-':<24} {', '.join(known)}" for group, usual, known in groups)
    yield from ("", "Keys:")
    for key, what, description in key_lines(kind):
        yield f"  {key:<36} {what}: {description}" if what else f"  {key:<36} {description}"
    yield from ("", "All options of each group, with their own keys: docs/configuration.md")


def examples(config_name: str) -> list[str]:
    """Read a command's examples, which stand at the top of its yaml."""
    lines = (CONF / f"{config_name}.yaml").read_text().splitlines()
    return [line.removeprefix("# ") for line in lines if line.startswith("# python -m ")]


def group_lines(config_name: str) -> list[tuple[str, str, list[str]]]:
    """List a command's groups, each with the option taken by default and all options."""
    usual = usual_options(config_name)
    groups = [key for key in usual if not key.startswith(("override ", "_self_"))]
    return [(g, _listed(usual[g]), choices(g)) for g in groups]


def key_lines(kind: Any, where: str = "") -> Iterator[tuple[str, str, str]]:
    """Yield every key that is no group's: its name, the values it takes, and its description."""
    for name, annotation, marks in annotated_fields(kind):
        key = f"{where}.{name}" if where else name
        descriptions = (mark.description for mark in marks if isinstance(mark, FieldInfo))
        description = next(filter(None, descriptions), "")
        if key in HIDDEN:
            continue
        if part := next((mark for mark in marks if isinstance(mark, PartOf)), None):
            yield from _part_lines(part.kind, key)
            continue
        if any(isinstance(mark, OpenMap) for mark in marks):
            yield f"{where}.NAME", "", description
        elif (section := dataclass_of(annotation)) and section is annotation:
            yield from key_lines(section, key)
        else:
            yield key, takes(annotation, marks), description
            if section:
                yield from key_lines(section, key)


def _part_lines(kind: str, key: str) -> Iterator[tuple[str, str, str]]:
    """Yield the keys that every part of a kind has."""
    for name, option in REGISTRIES[kind].options_of_all().items():
        marks = getattr(option.annotation, "__metadata__", ())
        description = next((m.description for m in marks if isinstance(m, FieldInfo)), "") or ""
        yield f"{key}.{name}", takes(option.annotation), description


def takes(annotation: Any, marks: Sequence[Any] = ()) -> str:
    """Describe in words the values that a type with bounds takes."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return takes(inner[0], inner[1:])
    if origin is Literal:
        return " | ".join(dict.fromkeys(str(v).lower() if isinstance(v, bool) else str(v) for v in inner))
    if origin in (Union, UnionType):
        return " | ".join(dict.fromkeys(filter(None, map(takes, inner))))
    if origin is tuple:
        return f"[{', '.join(map(takes, inner))}]"
    if origin in (list, Sequence):
        return f"[{takes(inner[0])}, ...]"
    if origin in (dict, Mapping):
        return f"NAME: {takes(inner[1])}" if inner[1] is not Any else "a mapping"
    bounds = [text for mark in marks if isinstance(mark, FieldInfo) for text in map(_bound, mark.metadata) if text]
    return " ".join([NAMES.get(annotation, ""), *bounds]).strip()


def _bound(mark: Any) -> str:
    words = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}
    return " ".join(f"{word} {getattr(mark, name)}" for name, word in words.items() if hasattr(mark, name))


def _listed(usual: Any) -> str:
    return ",".join(usual) if isinstance(usual, list) else str(usual or "")
