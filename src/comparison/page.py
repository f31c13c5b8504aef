"""A comparison as one HTML page that needs nothing beside itself."""

from collections.abc import Mapping, Sequence
from html import escape

from src.comparison import inside, tables
from src.comparison.collect import DELTAS, SINGLE, Comparison, Row, gain_column
from src.comparison.curves import Curve, curves
from src.comparison.pictures import side_by_side
from src.comparison.plots import Bar, Style, bars, overlay, swatch
from src.comparison.style import CSS, JS

POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"
WATCHED = {
    "test": "the test split, to be watched: nothing is selected on it",
    "holdout": "a held-out part of the training images",
}


def page(comparisons: Sequence[Comparison], pictures: int) -> str:
    """Write all comparisons with tables, bars, curves and the panels of up to ``pictures`` images per setting."""
    sections = "".join(_section(number, comparison, pictures) for number, comparison in enumerate(comparisons))
    links = "".join(f'<li><a href="#setting-{i}">{escape(_name(c))}</a></li>' for i, c in enumerate(comparisons))
    contents = f"<nav><ul>{links}</ul></nav>" if len(comparisons) > 1 else ""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Comparison of methods</title>'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{CSS}</style></head><body><h1>Comparison of methods</h1>"
        '<p class="soft">One table per setting, one row per method. A column&rsquo;s best is marked; a click on its '
        f"title sorts by it.</p>{contents}{sections}<script>{JS}</script></body></html>\n"
    )


def _name(comparison: Comparison) -> str:
    setting = comparison.setting
    return f"{setting.dataset}; {setting.network}, {setting.epochs} epochs, protocol {setting.protocol}"


def _heading(comparison: Comparison) -> str:
    return f"{comparison.setting.dataset.partition(',')[0]}, {comparison.setting.network}"


def _section(number: int, comparison: Comparison, pictures: int) -> str:
    styles = {row.method: Style.of(i) for i, row in enumerate(comparison.rows)}
    history = {row.method: curves(row) for row in comparison.rows}
    # the column that matters most is the one a narrow screen shows
    summary = sorted(tables.summary_columns(comparison), key=lambda column: column != DELTAS[0])
    caption = f'<p class="soft">{escape(tables.caption(comparison))}</p>'
    return (
        f'<section id="setting-{number}"><h2>{escape(_heading(comparison))}</h2>{caption}'
        f"{_table(comparison, summary)}"
        f'<p class="soft">{escape(tables.footnote())}</p>'
        f"<details><summary>Every metric</summary>{caption}{_table(comparison, tables.metric_columns(comparison))}"
        f"</details>{_bars(comparison, styles)}{_curves(comparison, history, styles)}{inside.section(history, styles)}"
        f"{_pictures(side_by_side(comparison.rows, pictures))}</section>"
    )


def _table(comparison: Comparison, columns: Sequence[str]) -> str:
    heads = "".join(_head(comparison, column) for column in columns)
    bests = {column: tables.best(comparison, column) for column in columns}
    body = []
    for row in comparison.rows:
        cells = "".join(_cell(row, column, bests[column]) for column in columns)
        seeds = escape(tables.seeds(row))
        method = escape(row.method)
        body.append(
            f'<tr><th scope="row" data-value="{method}">{method}</th>'
            f'<td data-value="{len(row.seeds)}">{seeds}</td>{cells}</tr>'
        )
    return (
        '<div class="scroll" tabindex="0"><table><thead><tr><th scope="col"><button>method</button></th>'
        f'<th scope="col" data-first="descending"><button>seeds</button></th>{heads}</tr></thead>'
        f"<tbody>{''.join(body)}</tbody></table></div>"
    )


def _head(comparison: Comparison, column: str) -> str:
    (title,) = tables.titles(comparison, [column])
    task, slash, metric = title.partition("/")
    text = f"<small>{escape(task)}</small>{escape(metric)}" if slash and task in comparison.tasks else escape(title)
    order = "ascending" if tables.higher_is_better(comparison, column) is False else "descending"
    return f'<th scope="col" data-first="{order}"><button>{_bound(text)}</button></th>'


def _bound(title: str) -> str:
    """Keep a title's arrow with its last word."""
    return title.replace("_", " ").replace(" ↑", "&nbsp;↑").replace(" ↓", "&nbsp;↓")


def _cell(row: Row, column: str, winner: str | None) -> str:
    found = tables.figures(row, column)
    if found is None:
        return '<td data-value="">&ndash;</td>'
    mean, spread = found
    mark = ' class="best"' if mean == winner else ""
    return f'<td{mark} data-value="{row.mean(column)}">{mean}{f" <small>± {spread}</small>" if spread else ""}</td>'


def _bars(comparison: Comparison, styles: Mapping[str, Style]) -> str:
    figures = []
    for column in (DELTAS[0], *map(gain_column, comparison.tasks)):
        found = [(row, row.mean(column)) for row in comparison.rows if row.method != SINGLE]
        entries = [Bar(r.method, v, r.spread(column), styles[r.method]) for r, v in found if v is not None]
        if entries:
            figures.append(bars(tables.titles(comparison, [column])[0], entries))
    if not figures:
        return ""
    note = "Relative to the single-task teachers of the same seed; whiskers: one standard deviation over seeds."
    return f'<h3>Gain over the teachers</h3><p class="soft">{note}</p><div class="panels">{"".join(figures)}</div>'


def _curves(comparison: Comparison, history: Mapping[str, Mapping[str, Curve]], styles: Mapping[str, Style]) -> str:
    keys = {f"train/loss/{name}": f"{name}: training loss ↓" for name in comparison.tasks}
    headlines = [f"{name}/{task.headline}" for name, task in comparison.tasks.items()]
    keys |= {f"val/{column}": tables.titles(comparison, [column])[0].replace("_", " ") for column in headlines}
    figures = "".join(overlay(title, key, history, styles) for key, title in keys.items())
    if not figures:
        return ""
    legend = "".join(
        f'<li><button data-row="{i}" aria-pressed="false">{swatch(styles[method])}{escape(method)}</button></li>'
        for i, (method, logged) in enumerate(history.items())
        if logged
    )
    watched = {run.about.get("validation", "test") for row in comparison.rows for run in row.runs}
    note = " and ".join(WATCHED.get(split, str(split)) for split in sorted(watched))
    return (
        f'<h3>Training</h3><p class="soft">By epoch, mean over seeds; metrics on {escape(note)}. Choose methods to '
        f'light them up.</p><ul class="legend">{legend}</ul><div class="panels">{figures}</div>'
    )


def _pictures(shown: Mapping[str, Sequence[tuple[str, str]]]) -> str:
    parts = []
    for name, panels in shown.items():
        figures = "".join(
            f'<figure><figcaption>{escape(method)}</figcaption><img src="{uri}" loading="lazy" '
            f'alt="{escape(f"{method}: input, truth, prediction and error of {name}")}"></figure>'
            for method, uri in panels
        )
        parts.append(f'<h3>Pictures: {escape(name.replace("_", " "))}</h3><div class="pictures">{figures}</div>')
    return "".join(parts)
