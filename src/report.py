"""Compare finished runs: python -m src.report runs=runs."""

import sys
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from src.app import command
from src.app.command import Invocation
from src.app.configuration.commands import ReportConfig
from src.app.describe import changed_values, option_names
from src.foundation.errors import UserError
from src.foundation.files import write_atomically
from src.foundation.text import printable
from src.reporting.collect import compare, usable
from src.reporting.latex import latex
from src.reporting.markdown import left_out_lines, markdown
from src.reporting.page import page
from src.reporting.tables import as_csv, rich_table
from src.runs.record import Run, search


def report(invocation: Invocation[ReportConfig]) -> None:
    """Print one table per setting and write all of them as Markdown, CSV, LaTeX and an HTML page."""
    config = invocation.config
    roots = [Path(root) for root in (config.runs if isinstance(config.runs, list) else [config.runs])]
    for root in roots:
        if not root.is_dir():
            raise UserError(f"there is no folder {root}", "runs names where run directories are", "make student")
    searched = [search(root) for root in roots]
    by_path = {run.path.resolve(): run for found in searched for run in found.runs}
    runs = [_with_changes(run) for run in sorted(by_path.values(), key=lambda run: str(run.record["started"]))]
    chosen = [run for run in runs if config.only in (None, run.record["dataset"]["name"])]
    comparisons, left_out = compare(usable(chosen, roots), runs, config.delta_metrics)
    left_out += dict.fromkeys(line for found in searched for line in found.unusable)
    for line in left_out:
        print(f"left out: {printable(line)}", file=sys.stderr)
    if not comparisons:
        raise UserError(
            "there is nothing to compare",
            f"no finished run below {', '.join(map(str, roots))}",
            "make student",
        )
    console = Console(width=None if Console().is_terminal else 140)
    for comparison in comparisons:
        console.print(rich_table(comparison))
    files = {
        "comparison.md": "\n".join([*map(markdown, comparisons), left_out_lines(left_out)]),
        "comparison.csv": as_csv(comparisons),
        "comparison.tex": "\n".join(map(latex, comparisons)),
        "comparison.html": page(comparisons, config.pictures, left_out),
    }
    out = Path(config.out)
    for name, text in files.items():
        write_atomically(out / name, text)
    console.print(f"every metric, plots and pictures: {', '.join(str(out / name) for name in files)}")


def _with_changes(run: Run) -> Run:
    """Add to the record of an earlier version which options it chose and which values differ from their defaults."""
    if run.record.get("changed") is not None:
        return run
    try:
        names = option_names(run.configuration, run.record["names"])
        added = {"names": names, "changed": changed_values(run.configuration, names)}
    except UserError:  # it does not say how it was trained, for which it will be left out
        return run
    return replace(run, record={**run.record, **added})


def main() -> None:
    """Run the command line."""
    command.run(report, "report", ReportConfig)


if __name__ == "__main__":
    main()
