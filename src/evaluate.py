"""Evaluate a trained network on a packed store: python -m src.evaluate run=RUN store=data/nyuv2-288x384."""

import math
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import track
from rich.table import Table

from src.app import command
from src.app.command import Invocation
from src.app.configuration.commands import EvaluateConfig
from src.data.loading.module import DenseDataModule, open_store
from src.foundation.errors import UserError
from src.foundation.files import write_json
from src.foundation.hardware import best_device
from src.runs.network_file import open_network


def evaluate(invocation: Invocation[EvaluateConfig]) -> None:
    """Print every metric of every task over one split, and write them where ``out`` is set."""
    config = invocation.config
    network, tasks, metadata = open_network(config.run)
    if not config.store:
        raise UserError("no store is named", "the data to evaluate on is needed", "store=data/rooms-64x96")
    size = (metadata["dataset"]["size"][0], metadata["dataset"]["size"][1])
    store = open_store(config.store, size)
    if config.split not in store.manifest.splits:
        raise UserError(f"{config.store} has no split {config.split}", f"it has {', '.join(store.manifest.splits)}")
    data = DenseDataModule(store, tasks, batch_size=1, validation="val" if config.split == "val" else "test")
    dataset = {"train": data.train_set, "val": data.val_set, "test": data.test_set}[config.split]
    assert dataset is not None
    device = best_device()
    network.to(device)
    metrics = {name: task.metrics().to(device) for name, task in tasks.items()}
    starts = range(0, len(dataset), config.batch_size)
    for start in track(starts, description=f"evaluating {len(dataset)} images"):
        rows = range(start, min(start + config.batch_size, len(dataset)))
        batch = data.prepare({name: value.to(device) for name, value in dataset.__getitems__(rows).items()})
        with torch.inference_mode():
            for name, raw in network(batch["image"]).items():
                metrics[name].update(tasks[name].activate(raw.float()), batch[name])
    results = {f"{n}/{key}": float(value) for n, metric in metrics.items() for key, value in metric.compute().items()}
    table = Table("metric", "value", title=f"{config.run} on {config.store}, {config.split}")
    for key, value in results.items():
        table.add_row(key, f"{value:.5g}" if math.isfinite(value) else "-")
    Console().print(table)
    if missing := [key for key, value in results.items() if not math.isfinite(value)]:
        why = f"no pixel of the {config.split} split is valid there, or the predictions are not finite"
        print(f"no value: {', '.join(missing)}; {why}")
    if config.out:
        write_json(
            Path(config.out),
            {"run": config.run, "store": config.store, "split": config.split, "metrics": results},
        )


def main() -> None:
    """Run the command line."""
    command.run(evaluate, "evaluate", EvaluateConfig)


if __name__ == "__main__":
    main()
