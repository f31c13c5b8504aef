"""Evaluate a trained network on a packed store: python -m src.evaluate run=RUN store=data/nyuv2-288x384."""

import math
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from rich.console import Console
from rich.markup import escape
from rich.progress import track
from rich.table import Table
from torch import Tensor

from src.app import command
from src.app.command import Invocation
from src.app.configuration.commands import EvaluateConfig
from src.data.loading.module import DenseDataModule, open_store
from src.foundation.errors import UserError
from src.foundation.files import write_json
from src.foundation.hardware import best_device
from src.foundation.text import printable
from src.runs.network_file import open_network
from src.tasks.base import Task
from src.tasks.class_results import by_name, class_results

MOST_CLASSES = 100
"""Rows of a table of classes."""


def evaluate(invocation: Invocation[EvaluateConfig]) -> None:
    """Print every metric of every task over one split, and scores of its classes; write them where ``out`` is set."""
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
    by_class = class_results(tasks, metrics)
    results = {f"{n}/{key}": float(value) for n, metric in metrics.items() for key, value in metric.compute().items()}
    table = Table("metric", "value", title=escape(printable(f"{config.run} on {config.store}, {config.split}")))
    for key, value in results.items():
        table.add_row(escape(printable(key)), f"{value:.5g}" if math.isfinite(value) else "-")
    Console().print(table, *_class_tables(tasks, by_class))
    if missing := [key for key, value in results.items() if not math.isfinite(value)]:
        why = f"no pixel of the {config.split} split is valid there, or the predictions are not finite"
        print(f"no value: {', '.join(missing)}; {why}")
    if config.out:
        write_json(
            Path(config.out),
            {"run": config.run, "store": config.store, "split": config.split, "metrics": results}
            | {"classes": by_name(tasks, by_class)},
        )


def _class_tables(tasks: Mapping[str, Task], results: Mapping[str, Tensor]) -> Iterator[Table]:
    """Draw IoU, accuracy and share of pixels of the classes of each task that has such results."""
    for task, names in ((name, each.modality.names) for name, each in tasks.items() if f"{name}/iou" in results):
        scores = [results[f"{task}/{score}"].tolist() for score in ("iou", "accuracy", "share")]
        shown = sorted(sorted(range(len(names)), key=lambda index: -scores[-1][index])[:MOST_CLASSES])
        hidden = len(names) - len(shown)
        caption = f"and {hidden} classes of fewer pixels: out=FILE has them" if hidden else None
        table = Table("class", "IoU", "accuracy", "share of pixels", title=escape(printable(task)), caption=caption)
        for index in shown:
            values = (f"{each[index]:.4f}" if math.isfinite(each[index]) else "-" for each in scores)
            table.add_row(escape(printable(names[index])), *values)
        yield table


def main() -> None:
    """Run the command line."""
    command.run(evaluate, "evaluate", EvaluateConfig)


if __name__ == "__main__":
    main()
