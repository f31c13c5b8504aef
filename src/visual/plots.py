"""Bars and lines as SVG, without external files."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from src.visual.style import Style

WIDTH = 400
ROW, BAR = 36, 11  # a bar's row: its name and value above, the bar below
LEFT, RIGHT, TOP, BOTTOM, PLOT = 52, 14, 8, 26, 180
LINES_HEIGHT = TOP + PLOT + BOTTOM

Curve = list[tuple[int, float]]
"""(epoch, counted from 1; value), in order."""


@dataclass(frozen=True)
class Bar:
    """A bar with its spread, where it has one."""

    name: str
    value: float
    spread: float | None
    style: Style


@dataclass(frozen=True)
class Line:
    """A curve under its method's name and number."""

    name: str
    number: int
    points: Curve
    style: Style


def bars(title: str, entries: Sequence[Bar], signed: bool = True) -> Markup:
    """Draw horizontal bars from zero with whiskers of one spread, each under its name and value, ``signed`` or not."""
    ends = [bar.value + sign * (bar.spread or 0) for bar in entries for sign in (-1, 1)]
    low, high = min(0.0, *ends), max(0.0, *ends)
    scale = (WIDTH - 4) / ((high - low) or 1)

    def x(value: float) -> float:
        return 2 + (value - low) * scale

    parts, form, limit = [], "+.2f" if signed else ".1f", 40 if signed else 54  # characters of a name beside its value
    for number, bar in enumerate(entries):
        y = number * ROW
        spread = f" ± {bar.spread:.2f}" if bar.spread is not None else ""
        left, right = sorted((x(0), x(bar.value)))
        parts += [
            f'<text x="2" y="{y + 13}">{escape(_short(bar.name, limit))}<title>{escape(bar.name)}</title></text>',
            f'<text x="{WIDTH - 2}" y="{y + 13}" class="value">{bar.value:{form}}{spread}</text>',
            f'<rect x="{left:.1f}" y="{y + 18}" width="{right - left:.1f}" height="{BAR}" fill="{bar.style.colour}"/>',
            f'<path class="axis" d="M{x(0):.1f} {y + 16}v{BAR + 4}"/>',
        ]
        if bar.spread is not None:
            middle, one, two = y + 18 + BAR / 2, x(bar.value - bar.spread), x(bar.value + bar.spread)
            caps = "".join(f"M{end:.1f} {middle - 4}v8" for end in (one, two))
            parts.append(f'<path class="whisker" d="M{one:.1f} {middle}H{two:.1f}{caps}"/>')
    return _figure(title, len(entries) * ROW, parts)


def overlay(title: str, key: str, history: Mapping[str, Mapping[str, Curve]], styles: Mapping[str, Style]) -> Markup:
    """Draw each method's values of ``key`` as a line over epochs; nothing where no method has two values."""
    entries = [
        Line(method, number, logged[key], styles[method])
        for number, (method, logged) in enumerate(history.items())
        if key in logged
    ]
    if not any(len(line.points) > 1 for line in entries):
        return Markup()
    return _figure(title, LINES_HEIGHT, line_marks(entries))


def line_marks(entries: Sequence[Line]) -> list[str]:
    """Draw lines over epochs on axes of their own, as elements of a drawing of WIDTH x LINES_HEIGHT."""
    points = [point for line in entries for point in line.points]
    first, last = min(e for e, _ in points), max(e for e, _ in points)
    ticks = _ticks(min(v for _, v in points), max(v for _, v in points))
    low, high = ticks[0], ticks[-1]

    def x(epoch: int) -> float:
        return LEFT + (epoch - first) / ((last - first) or 1) * (WIDTH - LEFT - RIGHT)

    def y(value: float) -> float:
        return TOP + (high - value) / (high - low) * PLOT

    parts = []
    for tick in ticks:
        parts += [
            f'<path class="grid" d="M{LEFT} {y(tick):.1f}H{WIDTH - RIGHT}"/>',
            f'<text class="value" x="{LEFT - 6}" y="{y(tick) + 4:.1f}">{tick:.4g}</text>',
        ]
    for epoch in sorted({first, (first + last) // 2, last}):
        parts.append(f'<text class="tick" x="{x(epoch):.1f}" y="{TOP + PLOT + 18}">{epoch}</text>')
    for line in entries:
        path = " ".join(f"{x(epoch):.1f},{y(value):.1f}" for epoch, value in line.points)
        colour, dash = line.style.colour, line.style.dash
        shape = f'<polyline points="{path}" stroke="{colour}" stroke-dasharray="{dash}"/>'
        if len(line.points) == 1:
            shape = f'<circle cx="{x(line.points[0][0]):.1f}" cy="{y(line.points[0][1]):.1f}" r="3" fill="{colour}"/>'
        parts.append(f'<g class="curve" data-row="{line.number}"><title>{escape(line.name)}</title>{shape}</g>')
    return parts


def swatch(style: Style) -> Markup:
    """Draw a short piece of a method's line, for the legend."""
    return Markup(
        '<svg class="swatch" viewBox="0 0 30 10" aria-hidden="true"><path '
        f'd="M0 5H30" stroke="{style.colour}" stroke-dasharray="{style.dash}"/></svg>'
    )


def _figure(title: str, height: float, parts: Sequence[str]) -> Markup:
    """Wrap the elements of a drawing into a figure with a caption."""
    drawing = "".join(parts)
    return Markup(
        f"<figure><figcaption>{escape(title)}</figcaption>"
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(title)}">{drawing}</svg></figure>'
    )


def _short(name: str, limit: int = 40) -> str:
    return name if len(name) <= limit else name[: limit - 1] + "…"


def _ticks(low: float, high: float) -> list[float]:
    """Choose round values, 3 to 7 of them, that enclose low and high."""
    if high <= low:
        low, high = low - (abs(low) or 1) / 2, high + (abs(high) or 1) / 2
    raw = (high - low) / 4
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= raw * 0.999)
    start, stop = math.floor(low / step), math.ceil(high / step)
    return [number * step for number in range(start, max(stop, start + 1) + 1)]
