"""Descriptions of a run: in its record, its weights file and the terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

from src.app.assemble import Assembled, supervision, task_configs
from src.app.configuration.train import TrainConfig
from src.runs.record import describe_environment

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


def method_values(overrides: Sequence[str]) -> list[str]:
    """Select the overrides that change the method beyond its options' names: none of data, seed or paths."""
    return [
        o
        for o in overrides
        if (key := o.split("=", 1)[0]) in METHOD_GROUPS or ("." in key and key.startswith(METHOD_KEYS))
    ]


def describe(
    config: TrainConfig, values: Mapping[str, Any], run: Assembled, overrides: Sequence[str]
) -> dict[str, Any]:
    """Describe a run for run.json."""
    manifest = run.data.store.manifest
    return {key: values[key] for key in ("model", "names", "label", "seed", "protocol")} | {
        "stage": config.stage.name,
        "task": next(iter(run.tasks)) if config.stage.name == "teacher" else None,
        "task_configs": task_configs(config),
        "dataset": run.dataset,
        "source": manifest.source,
        "labels": {modality: list(labels.names) for modality, labels in manifest.labels.items()},
        "units": dict(manifest.units),
        "train_images": len(run.data.train_indices),
        "epochs": config.trainer.max_epochs,
        "validation": config.dataset.validation,
        "primary_metrics": [f"{name}/{task.primary_metric}" for name, task in run.tasks.items()],
        "teachers": {name: teacher.entry for name, teacher in run.teachers.items()},
        **supervision(config),
        "parameters": sum(p.numel() for p in run.network.parameters()),
        "digest": run.digest,
        "debug": config.names.debug,
        "values": [v for v in method_values(overrides) if run.teachers or not v.startswith("teacher.")],
        **describe_environment(),
    }


def metadata(record: Mapping[str, Any]) -> dict[str, Any]:
    """Select from a record what is needed to use the weights."""
    return {"tasks": record["task_configs"]} | {key: record[key] for key in ("model", "dataset", "labels", "units")}
