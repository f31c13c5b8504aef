"""The feature probe's values over a run, as an SVG file of its own."""

from collections.abc import Mapping

from markupsafe import escape

from src.visual.plots import LINES_HEIGHT, WIDTH, Curve, Line, line_marks
from src.visual.style import COLOURS, DASHES, DRAWING, Style

PREFIX = "probe/"
KINDS = {
    "cosine": "Cosine with the teacher",
    "cka": "CKA with the teacher",
    "gradient_cosine": "Cosine of task gradients",
}
GAP, TITLE, LEGEND = 28, 26, 19


def sheet(curves: Mapping[str, Curve]) -> str:
    """Draw a run's curves as an SVG file of a panel per kind, each over its legend; empty where nothing is drawn."""
    panels = {title: _lines(curves, kind) for kind, title in KINDS.items()}
    panels = {title: lines for title, lines in panels.items() if lines}
    if not panels:
        return ""
    width = len(panels) * (WIDTH + GAP) + GAP
    height = GAP + TITLE + LINES_HEIGHT + LEGEND * (max(map(len, panels.values())) + 1)
    drawn = "".join(_panel(GAP + i * (WIDTH + GAP), *panel) for i, panel in enumerate(panels.items()))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">'
        f'<style>{DRAWING}</style><rect width="100%" height="100%" fill="#fff"/>{drawn}</svg>\n'
    )


def _lines(curves: Mapping[str, Curve], kind: str) -> list[Line]:
    """List the curves of a kind: a colour per teacher or pair of tasks, a dash per level."""
    start = f"{PREFIX}{kind}/"
    parts = {key: key.removeprefix(start).partition("/") for key in curves if key.startswith(start)}
    firsts = list(dict.fromkeys(first for first, _, _ in parts.values()))
    lasts = list(dict.fromkeys(last for _, _, last in parts.values()))
    lines = []
    for number, (key, (first, _, last)) in enumerate(parts.items()):
        colour, dash = COLOURS[firsts.index(first) % len(COLOURS)], DASHES[lasts.index(last) % len(DASHES)]
        lines.append(Line(f"{first}: {last}" if last else first, number, curves[key], Style(colour, dash)))
    return lines


def _panel(left: int, title: str, lines: list[Line]) -> str:
    """Draw a panel of lines over its legend, ``left`` pixels from the sheet's edge."""
    marks = "".join(line_marks(lines))
    legend = "".join(
        f'<path d="M8 {TITLE + LINES_HEIGHT + LEGEND * i + 8}h30" stroke="{line.style.colour}" stroke-width="2.5" '
        f'stroke-dasharray="{line.style.dash}"/>'
        f'<text x="48" y="{TITLE + LINES_HEIGHT + LEGEND * i + 12}">{escape(line.name)}</text>'
        for i, line in enumerate(lines)
    )
    return (
        f'<g transform="translate({left} {GAP // 2})"><text class="title" x="0" y="14">{title}</text>'
        f'<g transform="translate(0 {TITLE})">{marks}</g>{legend}</g>'
    )
