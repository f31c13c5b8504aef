"""What was logged of a student's inside, drawn for one run and for all methods of a comparison."""

from collections.abc import Mapping
from html import escape

from src.comparison.curves import Curve
from src.comparison.plots import COLOURS, DASHES, LINES_HEIGHT, WIDTH, Line, Style, line_marks, overlay
from src.comparison.style import DRAWING

PREFIX = "inside/"
KINDS = {
    "cosine": "Cosine with the teacher",
    "cka": "CKA with the teacher",
    "gradient_cosine": "Cosine of task gradients",
}
GAP, TITLE, LEGEND = 28, 26, 19
NOTE = (
    "On a fixed batch of training images, by epoch, mean over seeds; colours as above. Where the gradients of two task "
    "losses by the shared parameters have a cosine below 0, the tasks pull against each other."
)


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


def section(history: Mapping[str, Mapping[str, Curve]], styles: Mapping[str, Style]) -> str:
    """Write what was logged inside the students of a comparison (curves by method and key) as HTML."""
    keys = dict.fromkeys(key for logged in history.values() for key in logged if key.startswith(PREFIX))
    titles = {"gradient_cosine": "gradient cosine", "gradient_norm": "gradient norm", "cosine": "cosine", "cka": "CKA"}
    figures = dict.fromkeys(titles, "")
    for key in keys:
        kind, _, name = key.removeprefix(PREFIX).partition("/")
        if kind in figures:
            figures[kind] += overlay(f"{titles[kind]}: {name.replace('/', ', ')}", key, history, styles)
    if not any(figures.values()):
        return ""
    near = figures["cosine"] + figures["cka"]
    return (
        f'<h3>Inside</h3><p class="soft">{NOTE}</p><div class="panels">{figures["gradient_cosine"]}</div>'
        f"{_folded('Norms of the task gradients', figures['gradient_norm'])}"
        f"{_folded('Cosine and CKA of features with the teachers&rsquo;', near)}"
    )


def _folded(title: str, figures: str) -> str:
    if not figures:
        return ""
    return f'<details><summary>{title}</summary><div class="panels">{figures}</div></details>'


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
