"""From the dataset of a configuration to its packed store, its modalities and its data module."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from src.app.configuration.train import TrainConfig
from src.data.loading.label_masks import draw_labels
from src.data.loading.module import DenseDataModule, open_store
from src.data.sources.base import SOURCES
from src.data.store.manifest import Manifest
from src.data.store.manifest_file import read_manifest
from src.data.store.pack import pack_if_missing
from src.data.transforms.base import Transform
from src.foundation.errors import UserError
from src.foundation.part_options import TARGET
from src.modalities.base import Modality
from src.tasks.base import Task
from src.tasks.matching import name_of, with_modality


def task_configs(config: TrainConfig) -> dict[str, Any]:
    """Return the configurations of the tasks that are trained: one for a teacher, all of ``tasks`` for a student."""
    if config.stage.name == "student":
        return dict(config.tasks)
    assert config.task is not None
    return {name_of(config.task): config.task}


def tasks_on_data(config: TrainConfig) -> dict[str, Any]:
    """Return ``task_configs`` with the modalities of the dataset; raises UserError where it lacks one."""
    dataset = config.dataset
    known = modalities_at({"root": dataset.root, "procedural": dataset.procedural, "source": dataset.source})
    return {name: with_modality(task, known, config.dataset.name) for name, task in task_configs(config).items()}


def modalities_at(dataset: Mapping[str, Any]) -> Mapping[str, Modality]:
    """Return what a dataset's maps are: from its store or, for a procedural one, from its source."""
    if dataset["procedural"] and not Path(dataset["root"]).exists():
        declared: Mapping[str, Modality] = SOURCES.build(dataset["source"]).modalities
        return declared
    return stored(dataset).modalities


def stored(dataset: Mapping[str, Any]) -> Manifest:
    """Read the manifest of a dataset's store; raises UserError, with the command that prepares it, where none is."""
    root = Path(dataset["root"])
    if dataset["source"].get(TARGET) == "folder" and not root.exists():
        there = sorted(path.parent.name for path in root.parent.glob("*/manifest.json"))
        raise UserError(
            f"there is no packed store {root}",
            f"{root.parent} holds {', '.join(there)}" if there else "nothing was prepared there",
            "python -m src.prepare dataset=folder source=FOLDER, which says how to train on it",
        )
    return read_manifest(root)


def completed(values: dict[str, Any]) -> dict[str, Any]:
    """Fill in what a configuration leaves to its dataset's store: the size of images, and what is validated on."""
    dataset = values.get("dataset")
    if not isinstance(dataset, dict) or (dataset.get("size") and dataset.get("validation")):
        return values
    manifest = stored(dataset)
    validation = "val" if "val" in manifest.splits else "test"
    filled = {
        "size": dataset.get("size") or list(manifest.size),
        "validation": dataset.get("validation") or validation,
    }
    return values | {"dataset": dataset | filled}


def open_data(config: TrainConfig, tasks: Mapping[str, Task], augmentation: Sequence[Transform]) -> DenseDataModule:
    """Open the packed store, drawing a procedural dataset that is not there yet, and wrap it."""
    dataset, root = config.dataset, Path(config.dataset.root)
    if dataset.procedural:
        source = SOURCES.build(dataset.source)
        stored = pack_if_missing(source, root, dataset.size, os.cpu_count() or 1, dataset.name).manifest.source
        if stored != source.description:
            raise UserError(
                f"{root} holds other data than the config names",
                f"it holds '{stored}', the config names '{source.description}'",
                f"python -m src.prepare dataset={dataset.name} overwrite=true (and your options), or "
                "dataset.root=ELSEWHERE",
            )
    store = open_store(root, dataset.size)
    return DenseDataModule(
        store,
        tasks,
        dataset.batch_size,
        augmentation,
        validation=dataset.validation,
        holdout=dataset.holdout,
        workers=dataset.workers,
        resident=dataset.resident,
        seed=config.seed,
        supervision=_labels(config, store.count("train")),
        channels_last=config.channels_last,
    )


def _labels(config: TrainConfig, count: int) -> dict[str, np.ndarray] | None:
    """Draw which of ``count`` training images keep the label of which task; None where all do."""
    if config.labels == "full":
        return None
    return draw_labels(count, list(config.tasks), config.labels, config.seed)
