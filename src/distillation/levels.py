"""Which student level is aligned with which teacher level."""

from collections.abc import Mapping, Sequence
from typing import Any

from src.foundation.errors import UserError

Levels = dict[str, str]
"""Student level -> teacher level."""

MEND = "distillation.levels=[decoder], or [bottleneck:decoder,decoder] where the names differ"


def read_levels(given: Any) -> Levels:
    """Read a mapping student -> teacher, or a list whose entries are ``level`` or ``student:teacher``.

    Raises:
        UserError: anything else, or a student level that is named twice.
    """
    if isinstance(given, Mapping):
        return {str(student): str(teacher) for student, teacher in given.items()}
    if given is None or isinstance(given, str) or not isinstance(given, Sequence):
        raise UserError(f"levels={given} names no feature levels", "it is a mapping or a list", MEND)
    pairs = [str(entry).partition(":") for entry in given]
    levels = {student: teacher or student for student, _, teacher in pairs}
    if len(levels) < len(pairs):
        raise UserError(f"levels={list(given)} names a student level twice", "each is aligned with one level", MEND)
    return levels
