"""How the page looks, and the little that moves on it."""

INK, SOFT, RULE = "#1b1f24", "#57606a", "#d0d7de"

# colours themselves, not variables, which few programs but browsers know in an SVG file
DRAWING = f"""
svg text {{ font: 12.5px system-ui, sans-serif; fill: {INK} }}
svg .value {{ text-anchor: end; fill: {SOFT} }}
svg .tick {{ text-anchor: middle; fill: {SOFT} }}
svg .title {{ font-size: 14px; font-weight: 600 }}
svg .axis {{ stroke: {INK} }}
svg .grid {{ stroke: {RULE} }}
svg .whisker {{ stroke: {INK}; stroke-width: 1.2; fill: none }}
svg polyline {{ fill: none; stroke-width: 1.8; stroke-linejoin: round }}
"""

CSS = (
    f":root {{ --ink: {INK}; --soft: {SOFT}; --rule: {RULE}; --back: #fff; --best: #e6f4ea; --head: #f3f5f7 }}"
    """
* { box-sizing: border-box }
body { margin: 0 auto; padding: 1rem; max-width: 84rem; color: var(--ink); background: var(--back);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; overflow-wrap: break-word }
h1 { font-size: 1.6rem; margin: .3rem 0 }
h2 { font-size: 1.25rem; margin: 0 0 .3rem }
h3 { font-size: 1.05rem; margin: 1.6rem 0 .4rem }
section { border-top: 2px solid var(--ink); padding-top: 1rem; margin-top: 2.2rem }
p { margin: .3rem 0; max-width: 75ch }
.soft, figcaption small { color: var(--soft); font-size: .9rem }
a { color: #0550ae }
.scroll { overflow-x: auto; margin: .8rem 0; border: 1px solid var(--rule); border-radius: 6px }
table { border-collapse: separate; border-spacing: 0; width: 100%; font-size: .87rem;
  font-variant-numeric: tabular-nums }
th, td { padding: .35rem .55rem; text-align: right; white-space: nowrap; border-bottom: 1px solid var(--rule);
  background: var(--back) }
tbody tr:last-child > * { border-bottom: 0 }
thead th { background: var(--head); padding: 0; vertical-align: bottom; white-space: normal }
th:first-child { text-align: left; position: sticky; left: 0; min-width: 12rem; max-width: 19rem; white-space: normal;
  border-right: 1px solid var(--rule); font-weight: 500; z-index: 1 }
th button { all: unset; cursor: pointer; display: block; box-sizing: border-box; width: 100%;
  padding: .35rem .55rem; font-weight: 600; line-height: 1.25 }
th button:focus-visible { outline: 2px solid #0550ae; outline-offset: -2px }
th small { display: block; color: var(--soft); font-weight: 400 }
th[aria-sort=ascending] button::after { content: " \\25B4"; color: var(--soft) }
th[aria-sort=descending] button::after { content: " \\25BE"; color: var(--soft) }
td small { color: var(--soft) }
td.best { background: var(--best); font-weight: 700 }
details { margin: .5rem 0 }
summary { cursor: pointer }
.panels { display: grid; gap: 1rem 1.6rem; grid-template-columns: repeat(auto-fill, minmax(min(100%, 20rem), 1fr)) }
.pictures { display: grid; gap: .8rem 1rem; grid-template-columns: repeat(auto-fill, minmax(min(100%, 24rem), 1fr)) }
figure { margin: 0; min-width: 0 }
figcaption { font-weight: 600; font-size: .92rem; margin-bottom: .2rem }
.pictures figcaption { font-weight: 400 }
figure img { width: 100%; height: auto; display: block; border: 1px solid var(--rule) }
svg { display: block; width: 100%; height: auto }
"""
    + DRAWING
    + """.dim .curve:not(.lit) { opacity: .12 }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: .1rem .3rem; padding: 0; margin: .3rem 0 .7rem }
.legend button { all: unset; cursor: pointer; display: flex; align-items: center; gap: .4rem; font-size: .85rem;
  padding: .15rem .4rem; border-radius: 4px }
.legend button:hover, .legend button[aria-pressed=true] { background: var(--head) }
.legend button:focus-visible { outline: 2px solid #0550ae }
.swatch { width: 30px; flex: none }
.swatch path { stroke-width: 3 }
@media (max-width: 40rem) { body { padding: .7rem } th, td, th button { padding-left: .5rem; padding-right: .5rem }
  table { font-size: .8rem }
  th:first-child { min-width: 7.5rem; max-width: 8.5rem } }
"""
)

JS = """
document.querySelectorAll('th button').forEach(button => button.addEventListener('click', () => {
  const th = button.parentElement, body = th.closest('table').tBodies[0];
  const up = th.ariaSort ? th.ariaSort === 'descending' : th.dataset.first !== 'descending';
  th.parentElement.querySelectorAll('th').forEach(other => other.removeAttribute('aria-sort'));
  th.setAttribute('aria-sort', up ? 'ascending' : 'descending');
  const value = row => row.cells[th.cellIndex].dataset.value;
  const empty = row => value(row) === '';
  [...body.rows].sort((a, b) => empty(a) - empty(b) || (up ? 1 : -1) * (th.dataset.first
    ? value(a) - value(b) : value(a).localeCompare(value(b)))).forEach(row => body.append(row));
}));
document.querySelectorAll('.legend button').forEach(button => button.addEventListener('click', () => {
  const section = button.closest('section'), on = button.ariaPressed !== 'true';
  button.setAttribute('aria-pressed', on);
  section.querySelectorAll(`.curve[data-row="${button.dataset.row}"]`).forEach(c => c.classList.toggle('lit', on));
  section.classList.toggle('dim', section.querySelector('.curve.lit') !== null);
}));
"""
