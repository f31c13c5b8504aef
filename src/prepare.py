"""Prepare a dataset: ``python -m src.prepare dataset=nyuv2 source=/path/to/nyuv2``."""

import os
from pathlib import Path

from hydra.utils import instantiate
from omegaconf import DictConfig

from src import cli
from src.data.manifest import Manifest, differences
from src.data.pack import pack, plan
from src.data.sources.base import Source
from src.data.store import PackedStore
from src.errors import UserError


def prepare(cfg: DictConfig) -> None:
    """Pack the source of ``cfg.dataset`` into its store, unless that is there already and whole."""
    size = (int(cfg.dataset.size[0]), int(cfg.dataset.size[1]))
    root = Path(cfg.dataset.root)
    source: Source = instantiate(cfg.dataset.source)
    if not cfg.overwrite and is_ready(root, plan(source, size, cfg.dataset.name)):
        print(f"{root} is already prepared (overwrite=true prepares it anew)")
        return
    workers = cfg.workers if cfg.workers is not None else os.cpu_count() or 1
    store = pack(source, root, size, workers, cfg.dataset.name)
    counts = ", ".join(f"{split.count} {name}" for name, split in store.manifest.splits.items())
    print(f"{root} is ready: {counts}; {', '.join(store.modalities('train'))}")


def is_ready(root: Path, asked: Manifest) -> bool:
    """Say whether the store ``root`` is whole and what is asked for; raises UserError if it is a different one."""
    if not root.exists():
        return False
    try:
        store = PackedStore.open(root)
        store.verify()
    except UserError as error:
        print(f"{error.what} ({error.why}): preparing it anew")
        return False
    changed = differences(store.manifest, asked)
    if changed:
        raise UserError(
            f"{root} was prepared with other settings", "; ".join(changed), "add overwrite=true to the same command"
        )
    return True


def main() -> None:
    """Run the command line."""
    cli.run(prepare, "prepare")


if __name__ == "__main__":
    main()
