"""Evaluate a trained network on a packed store: python -m src.evaluate run=RUN store=data/nyuv2-288x384."""

from pathlib import Path

import torch
from omegaconf import DictConfig
from rich.console import Console
from rich.progress import track
from rich.table import Table

from src import cli
from src.data.augmentation import Augmentation
from src.data.module import DenseDataModule, open_store
from src.errors import UserError
from src.files import write_json
from src.runs.open import best_device, open_network
from src.values import require_at_least_one


def evaluate(config: DictConfig) -> None:
    """Print, and write if asked, every metric of every task over one split."""
    network, tasks, about = open_network(config.run)
    if not config.store:
        raise UserError("no store is named", "the data to evaluate on is needed", "store=data/rooms-64x96")
    require_at_least_one(batch_size=config.batch_size)
    size = (about["dataset"]["size"][0], about["dataset"]["size"][1])
    data = DenseDataModule(open_store(config.store, size), tasks, batch_size=1, augmentation=Augmentation())
    dataset = {"train": data.train_set, "test": data.test_set}.get(config.split)
    if dataset is None:
        raise UserError(f"there is no split '{config.split}'", "a store has train and test")
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
        table.add_row(key, f"{value:.5g}")
    Console().print(table)
    if config.out:
        write_json(
            Path(config.out),
            {"run": config.run, "store": config.store, "split": config.split, "metrics": results},
        )


def main() -> None:
    """Run the command line."""
    cli.run(evaluate, "evaluate")


if __name__ == "__main__":
    main()
