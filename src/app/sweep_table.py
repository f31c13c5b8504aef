"""Tables and durations as text."""

from collections.abc import Sequence

MINUTE, HOUR = 60, 3600


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Lay out rows below their heads, in columns as wide as their widest text."""
    lines = [heads, *rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(heads))]
    return "\n".join("  ".join(text.ljust(w) for text, w in zip(line, widths, strict=True)).rstrip() for line in lines)


def time_left(seconds: float) -> str:
    """Write a duration in the unit that fits it."""
    if seconds < MINUTE:
        return f"{seconds:.0f} s"
    return f"{seconds / MINUTE:.0f} min" if seconds < 2 * HOUR else f"{seconds / HOUR:.1f} h"
