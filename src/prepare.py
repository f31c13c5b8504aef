"""Prepare a dataset: ``python -m src.prepare dataset=nyuv2 source=/path/to/nyuv2``."""

import os
from pathlib import Path

from src.app import command
from src.app.command import Invocation
from src.app.configuration.commands import PrepareConfig
from src.data.sources.base import SOURCES, Source
from src.data.store.manifest import Manifest, differences
from src.data.store.pack import pack, plan
from src.data.store.reader import PackedStore
from src.foundation.errors import UserError


def prepare(invocation: Invocation[PrepareConfig]) -> None:
    """Pack the source of ``dataset`` into its store, unless that is there already and whole."""
    config = invocation.config
    size, root = config.dataset.size, Path(config.dataset.root)
    source: Source = SOURCES.build(config.dataset.source)
    if not config.overwrite and is_ready(root, plan(source, size, config.dataset.name)):
        print(f"{root} is already prepared (overwrite=true prepares it anew)")
        return
    workers = config.workers if config.workers is not None else os.cpu_count() or 1
    store = pack(source, root, size, workers, config.dataset.name)
    counts = ", ".join(f"{split.count} {name}" for name, split in store.manifest.splits.items())
    print(f"{root} is ready: {counts}; {', '.join(store.modalities('train'))}")


def is_ready(root: Path, asked: Manifest) -> bool:
    """Whether the store ``root`` is whole and matches ``asked``; raises UserError if it is a different one."""
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
    command.run(prepare, "prepare", PrepareConfig)


if __name__ == "__main__":
    main()
