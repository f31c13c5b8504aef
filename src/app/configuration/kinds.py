"""Kinds of fields that configurations have in common."""

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from pydantic import ConfigDict, Field

from src.foundation.validation import STRICT


@dataclass(frozen=True)
class PartOf:
    """Marks a field that holds a part of a registered kind: ``_target_`` names it, the other keys are its options.

    Args:
        kind: the kind, a group in conf.
        several: whether the field maps names to parts.
    """

    kind: str
    several: bool = False


@dataclass(frozen=True)
class OpenMap:
    """Marks a field that collects the keys which its dataclass does not declare."""


class Section:
    """What a dataclass of a configuration inherits: strict types and no unknown keys."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT


Part = dict[str, Any]
Count = Annotated[int, Field(ge=1)]
NotNegative = Annotated[int, Field(ge=0)]
ImageSize = Annotated[tuple[Count, Count], Field(description="[height, width] in pixels")]
DeltaMetrics = Annotated[
    list[str] | dict[str, str] | None,
    Field(description="metrics that Delta_MTL compares, one a task, as a list of TASK/METRIC or a mapping from task to "
          "metric; null: each task's primary one"),
]  # fmt: skip
