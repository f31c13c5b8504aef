"""What identifies a run: the resolved configuration that decides what is trained, and nothing else."""

import hashlib
import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from src.data.store.manifest import Manifest
from src.distillation.base import REGIMES
from src.foundation.errors import UserError
from src.foundation.tensor_files import checksum
from src.runs.canonical import Configuration, canonical

METHOD = ("distillation", "adaptor", "distance", "loss_weights", "teacher")
"""Groups by which the methods of one setting differ."""
NOT_DECISIVE = (
    "stage", "task", "tasks", "dataset", "trainer", "teacher",  # enter in another form
    "paths", "logger", "pictures", "probe", "resume", "reuse", "objective", "delta_metrics", "names", "label",
    "extensions",
    "ema",  # enters where there is one
    "teacher_cache", "channels_last", "compile", "compile_backend", "compile_mode",  # the same up to rounding
)  # fmt: skip
OF_DATASET_NOT_DECISIVE = ("root", "workers", "resident", "source", "procedural", "depth_unit")
"""The store's content stands for where it is from; the unit of depth was an option of earlier versions."""
OF_TRAINER_NOT_DECISIVE = (
    "accelerator", "devices", "num_nodes", "strategy", "precision", "max_steps", "max_time", "fast_dev_run",
    "limit_test_batches", "log_every_n_steps", "num_sanity_val_steps", "enable_model_summary", "enable_progress_bar",
    "use_distributed_sampler", "deterministic", "benchmark", "detect_anomaly", "profiler",
)  # fmt: skip
"""Precision and processes enter as they turn out; what ends a run early makes no whole run."""
LIMITS = {"max_steps": -1, "fast_dev_run": False, "limit_test_batches": None}
"""Limits that whole runs do not meet, and their values where there are none."""
OF_SELECTION = ("check_val_every_n_epoch", "limit_val_batches")
"""Decisive where weights or metrics are chosen by validation."""


def decisive(
    values: Mapping[str, Any], tasks: Mapping[str, Any], data: Mapping[str, Any], precision: str, processes: int = 1
) -> Configuration:
    """Select from a resolved configuration what decides the outcome of its run.

    Args:
        values: the resolved configuration.
        tasks: configurations of the tasks that are trained.
        data: what is known of the training data: its content's digest, number of images.
        precision: as it turned out on this hardware.
        processes: over which the batch is spread.
    """
    unused = unused_groups(values)
    kept = {key: value for key, value in values.items() if key not in {*NOT_DECISIVE, *unused}}
    dataset = {key: value for key, value in values["dataset"].items() if key not in OF_DATASET_NOT_DECISIVE}
    if dataset.get("validation") != "holdout":  # what is only watched decides nothing
        dataset = {key: value for key, value in dataset.items() if key not in ("validation", "holdout")}
    selects = () if values.get("protocol", "last") != "last" else OF_SELECTION
    given = {k: v for k, v in values["trainer"].items() if k not in {*OF_TRAINER_NOT_DECISIVE, *selects}}
    trainer = {key: value for key, value in given.items() if value is not None}
    if "gradient_clip_val" not in trainer:
        trainer.pop("gradient_clip_algorithm", None)
    if processes == 1:
        trainer.pop("sync_batchnorm", None)
    kept |= {"stage": values["stage"]["name"], "tasks": dict(tasks), "dataset": dataset | dict(data)}
    kept["augmentation"] = values.get("augmentation")
    kept["trainer"] = trainer | {"precision": precision, "processes": processes}
    if values.get("labels", "full") != "full":
        kept["supervised_tasks"] = sorted(values["tasks"])
    if (values.get("ema") or {}).get("decay"):
        kept["ema"] = values["ema"]
    if chosen := {key: value for key, value in (values.get("teacher") or {}).items() if value is not None}:
        kept["teacher"] = chosen
    return canonical(kept)


def by_content(model: Mapping[str, Any], weights: Any) -> dict[str, Any]:
    """Return a network's configuration with the checksum of the file ``weights``, wherever it lies, for its path.

    How the file's tensors were found is left out: it decides whether they are, not what they hold.
    """
    described = {key: value for key, value in model.items() if key != "match"}
    if isinstance(weights, str) and Path(weights).is_file():
        described["weights"] = f"file of checksum {checksum(Path(weights))}"
    return described


def digest(values: Any) -> str:
    """Hash plain values."""
    return hashlib.sha256(json.dumps(values, sort_keys=True, default=str).encode()).hexdigest()[:16]


def run_digest(
    configuration: Mapping[str, Any], teachers: Mapping[str, str], trainer: Mapping[str, Any] | None = None
) -> str:
    """Hash what decides a run's outcome.

    Args:
        configuration: the canonical one.
        teachers: their own digests, however they were chosen.
        trainer: its arguments, of which those count that may end a run before it is whole.
    """
    own = {key: value for key, value in configuration.items() if key != "teacher"}
    limits = {key: value for key, value in (trainer or {}).items() if key in LIMITS and value != LIMITS[key]}
    return digest([own, dict(teachers), *([limits] if limits else [])])


def setting_of(configuration: Mapping[str, Any]) -> Configuration:
    """Select what the runs of one table share: all but stage, tasks, method and seed."""
    varying = {"stage", "tasks", "seed", *METHOD}
    return {key: value for key, value in configuration.items() if key not in varying}


def unused_groups(values: Mapping[str, Any]) -> tuple[str, ...]:
    """Name the groups that a configuration holds but its run does not use."""
    if values["stage"]["name"] == "teacher":
        tasks = ("tasks",) if values.get("labels", "full") == "full" else ()  # else they share the labels
        return (*tasks, "adaptor", "distance", "distillation", "loss_weights")
    try:
        aligns = REGIMES.traits(values["distillation"]).aligns_features
    except UserError:  # a regime of an earlier version
        aligns = values.get("names", {}).get("distillation") not in ("none", "output")
    return ("task",) if aligns else ("task", "adaptor", "distance")


def dataset_identity(dataset: Mapping[str, Any], manifest: Manifest) -> dict[str, Any]:
    """Return what a teacher's and a student's dataset must share.

    ``content`` hashes the checksums of the training arrays: the same for the same data, wherever it lies.
    """
    sums = {name: file.crc32 for name, file in sorted(manifest.splits["train"].arrays.items())}
    content = f"{zlib.crc32(repr(sums).encode()):08x}"
    label, classes = dataset.get("label"), dataset.get("classes")
    # earlier versions knew label sets by their number of classes, and such a set needs no other name
    told = {} if label == f"label{classes}" else {"label": label}
    return {key: dataset.get(key) for key in ("name", "size", "classes")} | told | {"content": content}
