"""Measure training: python -m src.benchmark."""

import itertools
import multiprocessing
import platform
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import torch
from hydra import compose
from omegaconf import DictConfig, OmegaConf
from rich.console import Console

from src import cli
from src.benchmarking.measure import Effort, Plan, measure
from src.benchmarking.subject import DATA, OPTIONS, Setting, overrides_of
from src.benchmarking.tables import markdown, page, ratios, rich_table
from src.errors import UserError
from src.files import write_atomically, write_json
from src.runs.record import describe_environment
from src.values import require_at_least_one


def benchmark(composed: DictConfig) -> None:
    """Measure every setting in a process of its own, print one table and write it as Markdown, JSON and a page."""
    config: Any = OmegaConf.to_container(composed, resolve=True)
    effort = Effort(config["warm_up"], config["steps"], config["rounds"])
    require_at_least_one(warm_up=effort.warm_up, steps=effort.steps, rounds=effort.rounds)
    _require_known("stages", config["stages"], OPTIONS)
    _require_known("data", config["data"], DATA)
    plan = Plan(config["stages"], {"": [], **(config["variants"] or {})}, _overrides(config))
    for stage, more in itertools.product(plan.stages, plan.variants.values()):
        # so that what it does not take is told here, not by another process
        compose("train", overrides_of(stage, [*plan.train, *more]))
    console = Console(width=None if Console().is_terminal else 200)
    rows: list[dict[str, Any]] = []
    grid = itertools.product(config["batch_sizes"], config["precisions"], config["compile"], config["data"])
    settings = list(itertools.starmap(Setting, grid))
    for number, setting in enumerate(settings):
        console.print(f"{number + 1}/{len(settings)}  {setting}", highlight=False)
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as alone:
            rows += alone.submit(measure, setting, effort, plan).result()
        _write(Path(config["out"]), rows, config)
    console.print(rich_table(rows))
    for line in ratios(rows):
        console.print(line, highlight=False)
    console.print(f"written: {config['out']}/benchmark.md, .json and .html")


def _overrides(config: dict[str, Any]) -> list[str]:
    """What is trained, as overrides of the command that trains."""
    size, scenes = "x".join(map(str, config["size"])), config["scenes"]
    return [
        "dataset=rooms",
        f"model={config['network']}",
        f"dataset.size={config['size']}".replace(" ", ""),
        f"dataset.source.train={scenes}",
        f"dataset.source.test={max(scenes // 4, 1)}",
        f"dataset.root=data/rooms-{size}-of-{scenes}",
        *config["train"],
    ]


def machine() -> dict[str, Any]:
    """Describe where was measured."""
    environment = describe_environment()
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else platform.processor() or platform.machine()
    return {
        "device": device,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "commit": environment["git"],
        "command": environment["command"],
    }


def _require_known(key: str, asked: list[str], known: Any) -> None:
    unknown = [name for name in asked if name not in known]
    if unknown or not asked:
        raise UserError(
            f"{key}={asked} cannot be measured", f"choose of {', '.join(known)}", f"{key}=[{next(iter(known))}]"
        )


def _write(out: Path, rows: list[dict[str, Any]], config: dict[str, Any]) -> None:
    where = machine()
    write_json(out / "benchmark.json", {"machine": where, "config": config, "rows": rows})
    write_atomically(out / "benchmark.md", markdown(rows, where))
    write_atomically(out / "benchmark.html", page(rows, where))


def main() -> None:
    """Run the command line."""
    cli.run(benchmark, "benchmark")


if __name__ == "__main__":
    main()
