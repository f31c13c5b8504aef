"""From plain values to a typed configuration, with every mistake reported at once."""

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin, get_type_hints

from src.app.configuration.kinds import OpenMap, PartOf
from src.foundation.errors import UserError
from src.foundation.part_options import TARGET
from src.foundation.registry import REGISTRIES
from src.foundation.validation import short, unknown_key, validated

C = TypeVar("C")
NEARLY = 0.85
"""Likeness of a misspelt key, in [0, 1]."""


def read(kind: type[C], values: Mapping[str, Any]) -> tuple[C | None, list[UserError]]:
    """Read resolved values as a configuration of ``kind``; returns it, or None, and every mistake."""
    values, unchosen = _chosen(kind, values)
    known = list(keys(kind, values))
    config, mistakes = validated(kind, _gathered(kind, values), known=known)
    mistakes += unchosen
    mistakes += _misspelt(kind, values, known)
    for where, part, section in parts(kind, values):
        if isinstance(section, Mapping):
            mistakes += REGISTRIES[part].mistakes(section, where)
    return config, mistakes


def keys(kind: Any, values: Any, where: str = "") -> Iterator[str]:
    """Yield the full name of every key that a configuration of ``kind`` with these parts has."""
    for name, annotation, marks in annotated_fields(kind):
        key = f"{where}.{name}" if where else name
        mark = next((m for m in marks if isinstance(m, PartOf | OpenMap)), None)
        inner = values.get(name) if isinstance(values, Mapping) else None
        if isinstance(mark, OpenMap):
            continue
        yield key
        if isinstance(mark, PartOf):
            sections = inner.items() if mark.several and isinstance(inner, Mapping) else [("", inner)]
            for own, section in sections:
                yield from _part_keys(mark.kind, section, f"{key}.{own}" if own else key)
        elif section_kind := dataclass_of(annotation):
            yield from keys(section_kind, inner, key)


def parts(kind: Any, values: Mapping[str, Any]) -> Iterator[tuple[str, str, Any]]:
    """Yield place, kind and values of every part of a configuration."""
    for name, _, marks in annotated_fields(kind):
        for mark in marks:
            if isinstance(mark, PartOf) and mark.several:
                sections = values.get(name)
                for own, section in sections.items() if isinstance(sections, Mapping) else ():
                    yield f"{name}.{own}", mark.kind, section
            elif isinstance(mark, PartOf):
                yield name, mark.kind, values.get(name)
    if isinstance(inner := values.get("dataset"), Mapping) and "source" in inner:
        yield "dataset.source", "source", inner["source"]


@cache
def annotated_fields(kind: Any) -> tuple[tuple[str, Any, tuple[Any, ...]], ...]:
    """Return name, type and marks (descriptions, bounds) of a dataclass's fields."""
    hints = get_type_hints(kind, include_extras=True)
    found: list[tuple[str, Any, tuple[Any, ...]]] = []
    for field in fields(kind):
        annotation, marks = hints[field.name], ()
        if get_origin(annotation) is Annotated:
            annotation, *marks = get_args(annotation)  # type: ignore[assignment]
        found.append((field.name, annotation, tuple(marks)))
    return tuple(found)


def dataclass_of(annotation: Any) -> Any:
    """Return the dataclass in a type, alone or among alternatives; None where there is none."""
    options = get_args(annotation) if get_origin(annotation) in (UnionType, Union) else (annotation,)
    return next((option for option in options if is_dataclass(option)), None)


def _chosen(kind: Any, values: Mapping[str, Any]) -> tuple[dict[str, Any], list[UserError]]:
    """Return values without what stands among parts by name and is none, and an error for each of these."""
    kept, mistakes = dict(values), []
    for name, _, marks in annotated_fields(kind):
        mark = next((m for m in marks if isinstance(m, PartOf) and m.several), None)
        sections = values.get(name)
        if mark is None or not isinstance(sections, Mapping):
            continue
        kept[name] = {own: part for own, part in sections.items() if isinstance(part, Mapping) and TARGET in part}
        for own in sections.keys() - kept[name].keys():
            value = sections[own]
            if isinstance(value, Mapping):
                why, mend = "only its options are set", f"{name}=[{','.join([*kept[name], own])}]"
                mistakes.append(UserError(f"{name}.{own} is not chosen", why, mend))
            else:
                what = f"{name}.{own}={short(value)} sets no option of a {mark.kind}"
                why = f"{name} may hold several, each with options below its own name"
                mistakes.append(UserError(what, why, f"{name}.NAME.{own}={short(value)}"))
    return kept, mistakes


def _part_keys(kind: str, section: Any, where: str) -> Iterator[str]:
    """Yield the keys of a part, and of the parts in its slots."""
    if not isinstance(section, Mapping):
        return
    yield f"{where}.{TARGET}"
    try:
        options = REGISTRIES[kind].options(section)
    except UserError:
        return
    for name, parameter in options.items():
        yield f"{where}.{name}"
        annotation = get_args(parameter.annotation)[0] if get_origin(parameter.annotation) is Annotated else None
        if is_dataclass(annotation):
            yield from (f"{where}.{name}.{field.name}" for field in fields(annotation))


def _misspelt(kind: Any, values: Any, known: list[str], where: str = "") -> Iterator[UserError]:
    """Yield an error for each key of an open map that is nearly the name of a declared key."""
    if not isinstance(values, Mapping):
        return
    fields_of = annotated_fields(kind)
    declared = [name for name, _, marks in fields_of if not any(isinstance(mark, OpenMap) for mark in marks)]
    if len(declared) < len(fields_of):
        for key in values.keys() - set(declared):
            if difflib.get_close_matches(key, declared, n=1, cutoff=NEARLY):
                yield unknown_key(f"{where}.{key}", values[key], known)
    for name, annotation, _ in fields_of:
        if section := dataclass_of(annotation):
            yield from _misspelt(section, values.get(name), known, f"{where}.{name}" if where else name)


def _gathered(kind: Any, values: Any) -> Any:
    """Move keys that a dataclass does not declare into its open map, where it has one."""
    if not isinstance(values, Mapping):
        return values
    declared = {name: (dataclass_of(annotation), marks) for name, annotation, marks in annotated_fields(kind)}
    opened = next((n for n, (_, marks) in declared.items() if any(isinstance(m, OpenMap) for m in marks)), None)
    gathered = {key: value for key, value in values.items() if key in declared and key != opened}
    others = {key: value for key, value in values.items() if key not in gathered}
    for name, (inner, _) in declared.items():
        if inner is not None and isinstance(gathered.get(name), Mapping):
            gathered[name] = _gathered(inner, gathered[name])
    return gathered | ({opened: others} if opened else others)
