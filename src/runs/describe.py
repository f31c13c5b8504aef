"""What a run says of itself in run.json, on its weights, and on the terminal."""

import zlib
from collections.abc import Mapping, Sequence
from typing import Any

from src.build import task_configs
from src.data.manifest import Manifest
from src.data.module import DenseDataModule
from src.distillation.build import regime
from src.runs.record import describe_environment
from src.runs.teacher import Teacher
from src.stages.base import DenseStage

Config = Mapping[str, Any]
IDENTITY = ("name", "size", "classes")
METHOD_GROUPS = ("optimiser", "schedule", "augmentation")
METHOD_KEYS = (
    "distillation.",
    "adaptor.",
    "distance.",
    "loss_weights.",
    "teacher.",
    "optimiser.",
    "schedule.",
    "augmentation.",
    "dataset.batch_size",
    "trainer.gradient_clip_val",
    "trainer.accumulate_grad_batches",
)


def dataset_identity(config: Config, manifest: Manifest) -> dict[str, Any]:
    """Return what a teacher's and a student's dataset must share.

    ``content`` hashes the checksums of the training arrays: the same for the same data, wherever it lies.
    """
    sums = {name: file.crc32 for name, file in sorted(manifest.splits["train"].arrays.items())}
    content = f"{zlib.crc32(repr(sums).encode()):08x}"
    return {key: config["dataset"][key] for key in IDENTITY} | {"content": content}


def supervision(config: Config) -> dict[str, Any]:
    """Say which labels are kept; where not all are, the tasks and the seed from which they are drawn belong to it."""
    kept = config["labels"]
    drawn = {"supervised_tasks": sorted(config["tasks"]), "supervised_seed": config["seed"]}
    return {"supervision": kept} | ({} if kept == "full" else drawn)


def method_values(overrides: Sequence[str]) -> list[str]:
    """Pick, of a command's overrides, what makes it another method and no name says: not its data, seed or places."""
    return [
        o
        for o in overrides
        if (key := o.lstrip("+").split("=", 1)[0]) in METHOD_GROUPS or ("." in key and key.startswith(METHOD_KEYS))
    ]


def describe(
    config: Config,
    data: DenseDataModule,
    stage: DenseStage,
    teachers: Mapping[str, Teacher],
    fingerprint: str,
    overrides: Sequence[str],
) -> dict[str, Any]:
    """Describe the run for run.json."""
    configs, manifest = task_configs(config), data.store.manifest
    copied = ("model", "names", "label", "seed", "protocol")
    return {key: config[key] for key in copied} | {
        "stage": config["stage"]["name"],
        "task": next(iter(configs)) if config["stage"]["name"] == "teacher" else None,
        "task_configs": configs,
        "dataset": dataset_identity(config, manifest),
        "source": manifest.source,
        "labels": {modality: list(labels.names) for modality, labels in manifest.labels.items()},
        "units": dict(manifest.units),
        "train_images": len(data.train_indices),
        "epochs": config["trainer"]["max_epochs"],
        "validation": config["dataset"]["validation"],
        "headlines": [f"{name}/{task.headline}" for name, task in stage.tasks.items()],
        "teachers": {name: teacher.entry for name, teacher in teachers.items()},
        **supervision(config),
        "parameters": sum(p.numel() for p in stage.network.parameters()),
        "fingerprint": fingerprint,
        "debug": config["names"]["debug"],
        "values": [v for v in method_values(overrides) if teachers or not v.lstrip("+").startswith("teacher.")],
        **describe_environment(),
    }


def handed_on(about: Config) -> dict[str, Any]:
    """Keep what a stranger needs to use the weights."""
    return {"tasks": about["task_configs"]} | {key: about[key] for key in ("model", "dataset", "labels", "units")}


def title(config: Config) -> str:
    """Say in one line what is trained."""
    names = config["names"]
    if config["stage"]["name"] == "teacher":
        what = f"teacher of {next(iter(task_configs(config)))}"
    elif regime(config) == "none":
        what = f"multi-task baseline, loss_weights={names['loss_weights']}"
    else:
        groups = ("distillation", "adaptor", "distance", "loss_weights")
        what = "student, " + ", ".join(f"{group}={names[group]}" for group in groups)
    return f"{what}; {config['dataset']['name']}, {names['model']}, seed {config['seed']}"
