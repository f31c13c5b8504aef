"""Measure training: python -m src.benchmark."""

import itertools
import multiprocessing
import platform
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from src.app import command
from src.app.command import Invocation
from src.app.configuration.commands import BenchmarkConfig
from src.benchmarking.measure import Effort, Plan, measure
from src.benchmarking.subject import Setting, composed_training, overrides_of
from src.benchmarking.tables import markdown, page, ratios, rich_table
from src.foundation.files import write_atomically, write_json
from src.runs.starts import describe_environment


def benchmark(invocation: Invocation[BenchmarkConfig]) -> None:
    """Measure every setting in a process of its own, print one table and write it as Markdown, JSON and a page."""
    config = invocation.config
    effort = Effort(config.warm_up, config.steps, config.rounds)
    plan = Plan(config.stages, {"": [], **(config.variants or {})}, _overrides(config))
    for stage, more in itertools.product(plan.stages, plan.variants.values()):
        # so that overrides that a stage does not take are reported here, not by another process
        composed_training(stage, overrides_of(stage, [*plan.train, *more]))
    console = Console(width=None if Console().is_terminal else 200)
    rows: list[dict[str, Any]] = []
    grid = itertools.product(config.batch_sizes, config.precisions, config.compile, config.data)
    settings = list(itertools.starmap(Setting, grid))
    for number, setting in enumerate(settings):
        console.print(f"{number + 1}/{len(settings)}  {setting}", highlight=False)
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as alone:
            rows += alone.submit(measure, setting, effort, plan).result()
        _write(Path(config.out), rows, invocation.values)
    console.print(rich_table(rows))
    for line in ratios(rows):
        console.print(line, highlight=False)
    console.print(f"written: {config.out}/benchmark.md, .json and .html")


def _overrides(config: BenchmarkConfig) -> list[str]:
    """Return the overrides of src.train for the network and data that are measured."""
    size, scenes = "x".join(map(str, config.size)), config.scenes
    return [
        "dataset=rooms",
        f"model={config.network}",
        f"dataset.size={list(config.size)}".replace(" ", ""),
        f"dataset.source.train={scenes}",
        f"dataset.source.test={max(scenes // 4, 1)}",
        f"dataset.root=data/rooms-{size}-of-{scenes}",
        *config.train,
    ]


def machine() -> dict[str, Any]:
    """Describe the machine on which was measured."""
    environment = describe_environment()
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else platform.processor() or platform.machine()
    return {
        "device": device,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "commit": environment["git"],
        "command": environment["command"],
    }


def _write(out: Path, rows: list[dict[str, Any]], config: dict[str, Any]) -> None:
    where = machine()
    write_json(out / "benchmark.json", {"machine": where, "config": config, "rows": rows})
    write_atomically(out / "benchmark.md", markdown(rows, where))
    write_atomically(out / "benchmark.html", page(rows, where))


def main() -> None:
    """Run the command line."""
    command.run(benchmark, "benchmark", BenchmarkConfig)


if __name__ == "__main__":
    main()
