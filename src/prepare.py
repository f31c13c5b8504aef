"""Prepare a dataset: ``python -m src.prepare dataset=nyuv2 source=/path/to/nyuv2``."""

import os
from collections.abc import Collection
from pathlib import Path

from rich.console import Console

from src.app import command
from src.app.command import Invocation
from src.app.configuration.commands import PrepareConfig
from src.data.sources.base import SOURCES, DescribesItself, Source
from src.data.store.contact_sheet import contact_sheet
from src.data.store.manifest import CONTACT_SHEET, Manifest
from src.data.store.manifest_differences import differences
from src.data.store.pack import pack, plan
from src.data.store.reader import PackedStore
from src.data.store.summary import summary
from src.data.store.writer import StoreWriter
from src.data.survey.survey import refuse_finding, shared_frames, survey
from src.foundation.errors import UserError
from src.foundation.part_options import TARGET
from src.visual.panels import save_png


def prepare(invocation: Invocation[PrepareConfig]) -> None:
    """Survey the source of ``dataset`` and pack it into its store, unless that is there already and whole."""
    config = invocation.config
    source: Source = SOURCES.build(config.dataset.source)
    name, root = name_and_root(config, source)
    size = size_of(config, source)
    if not config.overwrite and is_ready(root, plan(source, size, name)):
        print(f"{root} is already prepared (overwrite=true prepares it anew)")
    else:
        for note in survey(source, size, config.accept):
            print(note)
        workers = config.workers if config.workers is not None else os.cpu_count() or 1
        tell(pack(source, root, size, workers, name, lambda writer: _refuse_shared(writer, config.accept)))
    if isinstance(source, DescribesItself):
        print(f"train a teacher of each map:\n    {train_command(config, name, root)}")


def name_and_root(config: PrepareConfig, source: Source) -> tuple[str, Path]:
    """Return name and folder of the store: its source's own name, where it has one and no other is asked for."""
    name, root = config.dataset.name, Path(config.dataset.root)
    if not isinstance(source, DescribesItself) or name != config.dataset.source[TARGET]:
        return name, root
    usual = root == Path(config.paths["data"]) / name
    return source.own_name, Path(config.paths["data"]) / source.own_name if usual else root


def size_of(config: PrepareConfig, source: Source) -> tuple[int, int]:
    """Return the size (H, W) that is asked for, or else the source's own; raises UserError where there is none."""
    if config.dataset.size is not None:
        return config.dataset.size
    if isinstance(source, DescribesItself):
        return source.own_size()
    raise UserError("dataset.size=null is no size", "nothing says how large the frames are", "dataset.size=[H,W]")


def train_command(config: PrepareConfig, name: str, root: Path) -> str:
    """Return the command that trains a teacher of each map of a store."""
    parts = ["python -m src.train -m stage=teacher task=auto", f"dataset={config.dataset.source[TARGET]}"]
    data = Path(config.paths["data"])
    parts.append(f"dataset.name={name}")
    if root != data / name:
        parts.append(f"dataset.root={root}")
    elif data != Path("data"):
        parts.append(f"paths.data={data}")
    return " ".join(parts)


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


def tell(store: PackedStore) -> None:
    """Print what a store holds, and draw a few of its frames into its folder."""
    Console(width=None if os.isatty(1) else 140).print(summary(store.manifest))
    sheet = store.root / CONTACT_SHEET
    try:
        save_png(sheet, contact_sheet(store))
        print(f"look at {sheet}: every map of a few frames")
    except OSError as error:  # the store is whole without it
        print(f"{sheet} could not be written: {error}")
    counts = ", ".join(f"{split.count} {name}" for name, split in store.manifest.splits.items())
    print(f"{store.root} is ready: {counts}; {', '.join(store.modalities('train'))}")


def _refuse_shared(writer: StoreWriter, accept: Collection[str]) -> None:
    """Raise UserError where two splits have an image in common."""
    splits = writer.plan.splits
    for name in (name for name, modality in writer.plan.modalities.items() if modality.kind == "image"):
        images = {split: writer.array(split, name) for split, content in splits.items() if name in content.arrays}
        refuse_finding(shared_frames(images, {split: splits[split].frames for split in images}), accept)


def main() -> None:
    """Run the command line."""
    command.run(prepare, "prepare", PrepareConfig)


if __name__ == "__main__":
    main()
