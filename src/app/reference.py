"""docs/configuration.md, made from the dataclasses and signatures that configurations are checked with.

python -m src.app.reference > docs/configuration.md
"""

from collections.abc import Iterator, Mapping
from dataclasses import is_dataclass
from typing import Any

from pydantic.fields import FieldInfo

from src.app import assemble  # noqa: F401  (imports, and so registers, every kind of part)
from src.app.conf import LISTS, option, options, summary, usual_options
from src.app.configuration.commands import (
    BenchmarkConfig,
    CheckConfig,
    EvaluateConfig,
    ExportConfig,
    PredictConfig,
    PrepareConfig,
    ReportConfig,
)
from src.app.configuration.reading import annotated_fields
from src.app.configuration.train import TrainConfig
from src.app.help import group_lines, key_lines, takes
from src.foundation.part_options import TARGET, Slot, annotations
from src.foundation.registry import REGISTRIES

COMMANDS: dict[str, type[Any]] = {
    "train": TrainConfig,
    "prepare": PrepareConfig,
    "predict": PredictConfig,
    "evaluate": EvaluateConfig,
    "export": ExportConfig,
    "report": ReportConfig,
    "benchmark": BenchmarkConfig,
    "check": CheckConfig,
}
OPENING = """# Configuration

Every key of every command, made from the code that checks them by `make reference`; a test keeps this page current.
Keys are set as `KEY=VALUE`, options of groups chosen as `GROUP=OPTION`, and the options of a chosen part set as
`GROUP.KEY=VALUE`, in any order. What is unknown, of another type, out of bounds or without effect is refused before
anything is built, all mistakes at once. Only `trainer` (any argument of Lightning's Trainer), `teacher` (an entry per
teacher), lambdas (`distillation.weights`) and `model.options` of timm's networks take keys beyond these.
"""


def reference() -> str:
    """Write the page."""
    parts = [OPENING]
    for name, kind in COMMANDS.items():
        parts += [f"## python -m src.{name}\n", *_groups(name), *_keys(kind)]
    parts.append("## Options of groups\n")
    for group in _groups_of_parts():
        parts += _parts(group)
    return "\n".join(parts)


def _groups(command: str) -> Iterator[str]:
    """Yield the table of a command's groups."""
    if lines := group_lines(command):
        yield "| group | by default | options |\n|---|---|---|"
        yield from (f"| `{group}` | {usual or '-'} | {', '.join(known)} |" for group, usual, known in lines)
        yield ""


def _keys(kind: type[Any]) -> Iterator[str]:
    """Yield the table of a command's keys."""
    yield "| key | takes | |\n|---|---|---|"
    for key, what, description in key_lines(kind):
        yield f"| `{key}` | {what.replace('|', 'or')} | {description.replace('|', 'or')} |"
    yield ""


def _groups_of_parts() -> list[str]:
    return [group for group in sorted(REGISTRIES) if options(group)]


def _parts(group: str) -> Iterator[str]:
    """Yield the options of a group by the part that they are options of, with the part's keys."""
    by_part: dict[str, list[str]] = {}
    for name in options(group):
        if target := (option(group, name) or {}).get(TARGET):
            by_part.setdefault(target, []).append(name)
    chosen = _chosen_as(group)
    keys = group if chosen == group else f"{chosen}.NAME"
    yield f"### {chosen}\n"
    for names in by_part.values():
        yield from (f"- `{chosen}={name}`: {summary(group, name)}" for name in names)
        yield ""
        rows = list(_rows(group, option(group, names[0]) or {}, keys))
        if rows:
            yield "| key | takes | by default | |\n|---|---|---|---|"
            yield from rows
            yield ""


def _chosen_as(group: str) -> str:
    """Return the key by which options of a group are chosen: its own, or that of the lists that are made of them."""
    lists = (several for several, one in LISTS.items() if one == group)
    return group if group in usual_options("train") else next(lists, group)


def _rows(group: str, values: Mapping[str, Any], keys: str) -> Iterator[str]:
    """Yield a row for each key of a part: the values it takes, its default, and its description."""
    registry = REGISTRIES[group]
    hints = annotations(registry.part(values))
    for key, parameter in registry.options(values).items():
        if key in registry.options_of_all():
            continue  # it is among the command's keys
        annotation = hints.get(key)
        default = "" if parameter.default is parameter.empty else str(parameter.default)
        marks = getattr(annotation, "__metadata__", ())
        description = next((m.description for m in marks if isinstance(m, FieldInfo) and m.description), "")
        slot = next((mark for mark in marks if isinstance(mark, Slot)), None)
        if is_dataclass(annotation):
            for name, inner, inner_marks in annotated_fields(annotation):  # type: ignore[arg-type]
                text = next((m.description for m in inner_marks if isinstance(m, FieldInfo)), "") or ""
                yield f"| `{keys}.{key}.{name}` | {takes(inner, inner_marks)} | | {text} |"
        else:
            what = f"one of {slot.kind}" if slot else takes(annotation) if annotation else ""
            yield f"| `{keys}.{key}` | {what.replace('|', 'or')} | {default} | {description} |"


if __name__ == "__main__":
    print(reference(), end="")
