"""From a resolved config to the objects of a run: tasks, data, network, stage, trainer."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from hydra.utils import instantiate

from src.data.lock import wait_for_writer
from src.data.module import DenseDataModule, open_store
from src.data.pack import pack
from src.data.sources.base import Source
from src.data.store import PackedStore
from src.data.supervision import draw_labels
from src.distillation.build import build_distillation
from src.errors import UserError
from src.runs.teacher import Teacher
from src.runs.weights import build_network
from src.stages.base import DenseStage
from src.stages.student import StudentStage
from src.stages.teacher import TeacherStage
from src.tasks.base import Task

Config = Mapping[str, Any]


def task_configs(config: Config) -> dict[str, Any]:
    """Return the configs of the tasks this run trains: one for a teacher, all of ``tasks`` for a student."""
    if config["stage"]["name"] == "student":
        return dict(config["tasks"])
    if config.get("task") is None:
        raise UserError(
            "stage=teacher needs a task",
            "a teacher is a single-task network",
            f"python -m src.train -m stage=teacher task={','.join(config['tasks'])}",
        )
    return {instantiate(config["task"]).name: config["task"]}


def image_size(config: Config) -> tuple[int, int]:
    """Return height and width; raises UserError for anything but two positive whole numbers."""
    size = config["dataset"]["size"]
    if not (isinstance(size, list) and len(size) == 2 and all(isinstance(n, int) and n > 0 for n in size)):
        raise UserError(f"dataset.size={size} is no image size", "it is [height, width]", "'dataset.size=[96,128]'")
    return size[0], size[1]


def build_data(config: Config, tasks: Mapping[str, Task]) -> DenseDataModule:
    """Open the packed store, drawing an embedded dataset that is not there yet, and wrap it."""
    dataset = config["dataset"]
    size = image_size(config)
    root = Path(dataset["root"])
    if dataset["embedded"]:
        _draw_if_missing(instantiate(dataset["source"]), root, size, dataset["name"])
    options = {key: dataset[key] for key in ("batch_size", "validation", "holdout", "workers", "resident")}
    augmentation = instantiate(config["augmentation"])
    store = open_store(root, size)
    kept = kept_labels(config, store.count("train"))
    return DenseDataModule(store, tasks, augmentation=augmentation, seed=config["seed"], supervision=kept, **options)


def kept_labels(config: Config, count: int) -> dict[str, np.ndarray] | None:
    """Draw which of ``count`` training images keep the label of which task; None where all do."""
    if config["labels"] == "full":
        return None
    return draw_labels(count, list(config["tasks"]), config["labels"], config["seed"])


def _draw_if_missing(source: Source, root: Path, size: tuple[int, int], name: str) -> None:
    if not root.exists():
        wait_for_writer(root)
    if not root.exists():
        pack(source, root, size, workers=os.cpu_count() or 1, dataset=name)
    stored = PackedStore.open(root).manifest.source
    if stored != source.description:
        raise UserError(
            f"{root} holds other data than the config asks for",
            f"it holds '{stored}', the config says '{source.description}'",
            f"python -m src.prepare dataset={name} overwrite=true (and your options), or dataset.root=ELSEWHERE",
        )


def build_stage(config: Config, tasks: Mapping[str, Task], teachers: Mapping[str, Teacher]) -> DenseStage:
    """Build the teacher or student stage; ``teachers`` is empty where none was trained before."""
    torch.manual_seed(config["seed"])
    network = build_network(config["model"], tasks)
    network.check_size(image_size(config))
    _refuse_clipped_fp16(config)
    if config["channels_last"]:
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    common = {
        "network": network,
        "tasks": tasks,
        "build_optimiser": instantiate(config["optimiser"]),
        "schedule": instantiate(config["schedule"]),
        "seed": config["seed"],
    }
    if config["stage"]["name"] == "teacher":
        stage: DenseStage = TeacherStage(**common)
    else:
        weighting = instantiate(config["loss_weights"], tasks=list(tasks))
        if weighting.autograd_passes and str(config["trainer"]["precision"]).startswith("16"):
            raise UserError(
                f"loss_weights={config['names']['loss_weights']} cannot work with fp16",
                "it differentiates each loss by itself, without the gradient scaler that fp16 needs",
                "trainer.precision=bf16-mixed",
            )
        distillation = build_distillation(config, network, tasks, teachers)
        stage = StudentStage(weighting=weighting, distillation=distillation, **common)
    if config["compile"]:
        _compile(stage, config["compile_backend"], config["compile_mode"])
    return stage


def _refuse_clipped_fp16(config: Config) -> None:
    trainer = config["trainer"]
    if config["optimiser"].get("fused") and trainer["gradient_clip_val"] and str(trainer["precision"]).startswith("16"):
        raise UserError(
            "a fused optimiser cannot clip gradients under fp16",
            "it takes the gradient scale away itself, after they would have been clipped",
            "optimiser.fused=false, or trainer.precision=bf16-mixed",
        )


def _compile(stage: DenseStage, backend: str, mode: str | None) -> None:
    if mode is not None and backend != "inductor":
        raise UserError(
            f"compile_mode={mode} does not go with compile_backend={backend}",
            "modes are inductor's",
            "compile_mode=null, or compile_backend=inductor",
        )
    if mode is not None and mode not in (known := torch._inductor.list_mode_options()):
        raise UserError(f"compile_mode={mode} is unknown", f"choose one of {', '.join(known)}")
    stage.in_cuda_graphs = mode is not None
    distillation = stage.distillation if isinstance(stage, StudentStage) else None
    for network in [stage.network, *(distillation.teaching() if distillation else [])]:
        network.trunk.compile(backend=backend, **({"mode": mode} if mode else {}))
