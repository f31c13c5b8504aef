"""Compare finished runs: python -m src.report runs=runs."""

import sys
from pathlib import Path

from rich.console import Console

from src.app import command
from src.app.command import Invocation
from src.app.configuration.commands import ReportConfig
from src.foundation.errors import UserError
from src.foundation.files import write_atomically
from src.reporting.collect import compare, usable
from src.reporting.latex import latex
from src.reporting.page import page
from src.reporting.tables import as_csv, markdown, rich_table
from src.runs.record import find_runs


def report(invocation: Invocation[ReportConfig]) -> None:
    """Print one table per setting and write all of them as Markdown, CSV, LaTeX and an HTML page."""
    config = invocation.config
    roots = [Path(root) for root in (config.runs if isinstance(config.runs, list) else [config.runs])]
    for root in roots:
        if not root.is_dir():
            raise UserError(f"there is no folder {root}", "runs names where run directories are", "make student")
    runs = [run for root in roots for run in find_runs(root)]
    if config.only:
        runs = [run for run in runs if run.record["dataset"]["name"] == config.only]
    runs, left_out = usable(runs)
    for line in left_out:
        print(f"left out: {line}", file=sys.stderr)
    comparisons = compare(runs)
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
        "comparison.md": "\n".join(map(markdown, comparisons)),
        "comparison.csv": as_csv(comparisons),
        "comparison.tex": "\n".join(map(latex, comparisons)),
        "comparison.html": page(comparisons, config.pictures),
    }
    out = Path(config.out)
    for name, text in files.items():
        write_atomically(out / name, text)
    console.print(f"every metric, plots and pictures: {', '.join(str(out / name) for name in files)}")


def main() -> None:
    """Run the command line."""
    command.run(report, "report", ReportConfig)


if __name__ == "__main__":
    main()
