"""Compare finished runs: python -m src.report runs=runs."""

from pathlib import Path

from omegaconf import DictConfig, ListConfig
from rich.console import Console

from src import cli
from src.comparison.collect import compare
from src.comparison.tables import as_csv, markdown, rich_table
from src.errors import UserError
from src.files import write_atomically
from src.runs.record import find_runs


def report(config: DictConfig) -> None:
    """Print one table per setting and write all of them as Markdown and CSV."""
    roots = [Path(root) for root in (config.runs if isinstance(config.runs, ListConfig) else [config.runs])]
    for root in roots:
        if not root.is_dir():
            raise UserError(f"there is no folder {root}", "runs names where run directories are", "make student")
    runs = [run for root in roots for run in find_runs(root)]
    if config.dataset:
        runs = [run for run in runs if run.about["dataset"]["name"] == config.dataset]
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
    out = Path(config.out)
    write_atomically(out / "comparison.md", "\n".join(markdown(comparison) for comparison in comparisons))
    write_atomically(out / "comparison.csv", as_csv(comparisons))
    console.print(f"every metric: {out / 'comparison.md'}, {out / 'comparison.csv'}")


def main() -> None:
    """Run the command line."""
    cli.run(report, "report")


if __name__ == "__main__":
    main()
