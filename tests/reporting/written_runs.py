"""Run directories as a training run writes them, made by hand for tests of reports."""

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from src.foundation.files import write_json
from src.modalities.base import Modality
from src.modalities.known import NORMAL, depth, labels
from src.reporting.collect import compare, usable
from src.reporting.rows import Comparison
from src.runs.record import find_runs

CLASSES = ("bed", "books", "ceiling", "chair", "floor", "furniture", "objects", "picture", "sofa", "table", "tv",
           "wall", "window")  # fmt: skip
OF_DEPTH = ["absolute_error", "relative_error", "rmse", "delta_1"]


def task(kind: str, modality: Modality, metrics: list[str] | None = None) -> dict[str, Any]:
    """Configure a task as runs record it."""
    return {"_target_": kind, "name": modality.name, "modality": modality.plain(), "metrics": metrics}


TASKS: dict[str, dict[str, Any]] = {
    "semantic": task("classes", labels("label13", CLASSES), ["miou", "pixel_accuracy", "miou_per_image"])
    | {"name": "semantic"},
    "depth": task("scalar", depth("m"), OF_DEPTH),
    "normal": task("vector", NORMAL),
}
FORMER_TASKS: dict[str, dict[str, Any]] = {
    "semantic": {"_target_": "semantic", "classes": 13},
    "depth": {"_target_": "depth", "unit": "m"},
    "normal": {"_target_": "normal"},
}
"""The same as earlier versions recorded them."""
SINGLE = {
    "semantic": {"miou": 0.4054, "miou_per_image": 0.3, "pixel_accuracy": 0.6},
    "depth": {"absolute_error": 0.6276, "relative_error": 0.25, "rmse": 0.9, "delta_1": 0.6},
    "normal": {"mean_angle": 24.28, "median_angle": 18.0, "within_11": 0.3, "within_22": 0.58, "within_30": 0.7},
}
SMALL = {"_target_": "small", "filters": [4, 6, 8, 8]}
NAMES = {
    "model": "small", "distillation": "none", "adaptor": "linear", "distance": "normalised", "loss_weights": "uniform",
    "optimiser": "adam", "schedule": "cosine", "augmentation": "flip",
}  # fmt: skip
SETTING: dict[str, Any] = {
    "dataset": {"name": "rooms", "size": [64, 96], "classes": 13, "content": "c0ffee", "train_images": 100,
                "batch_size": 8},
    "model": SMALL,
    "optimiser": {"_target_": "adam", "lr": 0.002},
    "schedule": {"_target_": "cosine"},
    "augmentation": {"_target_": "scale_flip", "scales": [1.0]},
    "trainer": {"max_epochs": 5, "precision": "32-true", "processes": 1},
    "protocol": "last",
    "labels": "full",
}  # fmt: skip


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    both = {
        k: merged(below[k], v) for k, v in above.items() if isinstance(v, Mapping) and isinstance(below.get(k), dict)
    }
    return {**below, **above, **both}


def write_run(
    root: Path,
    name: str,
    results: Mapping[str, float | None],
    configuration: Mapping[str, Any] | None = None,
    **about: Any,
) -> Path:
    """Write a whole run; ``configuration`` changes what it was trained by, ``about`` its record."""
    stage = about.get("stage", "student")
    names = NAMES | about.pop("names", {})
    tasks = about.pop("task_configs", None) or (TASKS if stage == "student" else {about["task"]: TASKS[about["task"]]})
    method = {"distillation": {"_target_": names["distillation"]}, "loss_weights": {"_target_": names["loss_weights"]}}
    if names["distillation"] not in ("none", "output"):
        method |= {group: {"_target_": names[group]} for group in ("adaptor", "distance")}
    settings = merged(SETTING, {"stage": stage, "tasks": tasks, "seed": about.get("seed", 0)})
    settings = merged(settings if stage == "teacher" else settings | method, configuration or {})
    dataset = {key: settings["dataset"][key] for key in ("name", "size", "classes", "content")}
    record = {
        "status": "finished",
        "stage": stage,
        "task": None,
        "task_configs": tasks,
        "model": settings["model"],
        "dataset": dataset,
        "train_images": settings["dataset"]["train_images"],
        "names": names,
        "seed": 0,
        "epochs": settings["trainer"]["max_epochs"],
        "protocol": settings["protocol"],
        "parameters": 1_000_000,
        "started": name,
        "images_per_second": 10.0,
        "digest": f"digest of {name}",
        "configuration": settings,
        "changed": {},
    }
    write_json(root / name / "run.json", record | about)
    write_json(root / name / "metrics.json", {"metrics": dict(results)})
    return root / name


def write_classes(run: Path, scores: Mapping[str, float | None]) -> None:
    """Write classes.json; keys are <task>/<score>/<class>."""
    write_json(run / "classes.json", {"split": "test", "classes": dict(scores)})


def write_teachers(root: Path, seed: int = 0, name: str = "teacher", **about: Any) -> dict[str, str]:
    """Write a teacher of each task; returns their directories by task."""
    found = {}
    for task, metrics in SINGLE.items():
        results = {f"{task}/{key}": value for key, value in metrics.items()}
        path = write_run(root, f"{name}-{task}-{seed}", results, stage="teacher", task=task, seed=seed, **about)
        found[task] = str(path)
    return found


def student(miou: float = 0.4054, error: float = 0.6276, angle: float = 24.28) -> dict[str, float | None]:
    """Metrics of a student: the teachers' but for three."""
    results: dict[str, float | None] = {f"{t}/{key}": v for t, metrics in SINGLE.items() for key, v in metrics.items()}
    return results | {"semantic/miou": miou, "depth/absolute_error": error, "normal/mean_angle": angle}


def tables(root: Path) -> list[Comparison]:
    """Compare all runs below ``root``."""
    return compare(usable(list(find_runs(root))))[0]


def one(root: Path) -> Comparison:
    """Compare all runs below ``root``, which make one table."""
    (comparison,) = tables(root)
    return comparison


def write_history(run: Path, **columns: list[float]) -> None:
    """Write metrics.csv; keys have _ for /, and a NaN stands for an empty cell."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["epoch", *(key.replace("__", "/") for key in columns)])
    for epoch, values in enumerate(zip(*columns.values(), strict=True)):
        writer.writerow([epoch, *("" if np.isnan(value) else value for value in values)])
    (run / "metrics.csv").write_text(text.getvalue())


def write_picture(run: Path, epoch: int, name: str, size: tuple[int, int], colour: str) -> None:
    folder = run / "pictures" / f"epoch_{epoch:03d}"
    folder.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(folder / name)
