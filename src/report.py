"""Compare finished runs: python -m src.report runs=runs."""

from pathlib import Path

from omegaconf import DictConfig, ListConfig
from rich.console import Console

from src import cli
from src.comparison.collect import compare
from src.comparison.latex import latex
from src.comparison.page import page
from src.comparison.tables import as_csv, markdown, rich_table
from src.errors import UserError
from src.files import write_atomically
from src.runs.record import find_runs


def report(config: DictConfig) -> None:
    """Print one table per setting and write all of them as Markdown, CSV, LaTeX and an HTML page."""
    roots = [Path(root) for root in (config.runs if isinstance(config.runs, ListConfig) else [config.runs])]
    for root in roots:
        if not root.is_dir():
            raise UserError(f"there is no folder {root}", "runs names where run directories are", "make student")
    runs = [run for root in roots for run in find_runs(root)]
    if config.only:
        runs = [run for run in runs if run.about["dataset"]["name"] == config.only]
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
    cli.run(report, "report")


if __name__ == "__main__":
    main()
