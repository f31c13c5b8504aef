"""The one place that turns a training configuration into objects."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from torch._functorch import config as functorch_config

from src.app.conf import option, options
from src.app.configuration.train import TrainConfig
from src.app.open_data import open_data, task_configs, tasks_on_data
from src.data.loading.module import DenseDataModule
from src.data.transforms.base import TRANSFORMS, Transform
from src.distillation.adaptors.base import ADAPTORS
from src.distillation.base import REGIMES, Distillation
from src.distillation.distances.base import DISTANCES
from src.distillation.setup import Setup
from src.foundation.errors import UserError
from src.foundation.hardware import choose_precision, count_processes
from src.loss_weights.base import LOSS_WEIGHTS
from src.models.base import FINE_TUNING, MultiTaskNetwork, build_network
from src.models.batch_norm import refuse_single_values
from src.runs.canonical import Configuration
from src.runs.find_teachers import find_teachers
from src.runs.identity import by_content, dataset_identity, decisive, run_digest
from src.runs.network_file import build_tasks
from src.runs.teacher import Teacher, load_teachers
from src.runs.teacher_ranking import Student
from src.tasks.base import Task
from src.training.base import DenseModule
from src.training.callbacks.tracking import Tracking
from src.training.multi_task import MultiTaskModule
from src.training.optimisers import OPTIMISERS
from src.training.schedules import SCHEDULES
from src.training.single_task import SingleTaskModule
from src.training.trackers.base import TRACKERS, TrackedRun
from src.training.trainer import Watching, build_callbacks, build_trainer

Values = Mapping[str, Any]
"""A configuration as plain values."""


@dataclass(frozen=True)
class Assembled:
    """All objects of a training run."""

    tasks: dict[str, Task]
    task_configs: dict[str, Any]
    """By name, with what the dataset says of their modalities."""
    data: DenseDataModule
    network: MultiTaskNetwork
    teachers: dict[str, Teacher]
    distillation: Distillation | None
    module: DenseModule
    trainer: pl.Trainer | None
    dataset: dict[str, Any]
    """Name, size, label set and content digest of the data."""
    model: dict[str, Any]
    """The network's configuration, with the checksum of a file of weights in place of its path."""
    configuration: Configuration
    """What decides the run's outcome, its teachers aside."""
    digest: str
    """Digest of the configuration and the teachers."""


def assemble(
    config: TrainConfig,
    values: Values,
    overrides: Sequence[str] = (),
    folder: Path | None = None,
    teachers: Mapping[str, Teacher] | None = None,
    group: str | None = None,
) -> Assembled:
    """Build everything that a training run needs.

    Args:
        config: the configuration.
        values: the same as plain values, from which the run's digest is made.
        overrides: the command line's overrides, which the commands suggested in errors repeat.
        folder: the run directory; None builds no trainer.
        teachers: the teachers to use; None searches for trained ones.
        group: name of the sweep that the run belongs to.

    Raises:
        UserError: parts that do not fit each other, or data or teachers that are not there.
    """
    on_data = tasks_on_data(config)
    tasks = build_tasks(on_data)
    torch.manual_seed(config.seed)
    network = build_network(config.model, {name: task.channels for name, task in tasks.items()})
    network.check_size(config.dataset.size)  # before data are drawn
    precision = choose_precision(str(config.trainer.precision), config.trainer.accelerator)
    processes = count_processes(config.trainer.devices, config.trainer.num_nodes, config.trainer.accelerator)
    if config.dataset.batch_size == 1 and not (config.trainer.sync_batchnorm and processes > 1):
        refuse_single_values(network, config.dataset.size)
    augmentation: list[Transform] = [TRANSFORMS.build(part) for part in config.augmentation.values()]
    data = open_data(config, tasks, augmentation)
    dataset = dataset_identity(values["dataset"], data.store.manifest)
    known = {"content": dataset["content"], "train_images": len(data.train_indices)}
    model = by_content(values["model"], config.model.get("weights"))
    configuration = decisive({**values, "model": model}, task_configs(config), known, precision, processes)
    if teachers is None:
        teachers = _teachers(config, model, tasks, dataset, configuration, overrides)
    digests = {name: teacher.digest for name, teacher in teachers.items()}
    distillation = _distillation(config, network, tasks, teachers, data.augmentation.views)
    module = _module(config, network, tasks, distillation)
    trainer = _trainer(config, values, folder, group) if folder else None
    return Assembled(
        tasks, on_data, data, network, dict(teachers), distillation, module, trainer, dataset, model, configuration,
        run_digest(configuration, digests, values["trainer"]),
    )  # fmt: skip


def title(config: TrainConfig) -> str:
    """Describe in one line what is trained."""
    names = config.names
    if config.stage.name == "teacher":
        what = f"teacher of {next(iter(task_configs(config)))}"
    elif not REGIMES.traits(config.distillation).aligns_features:
        what = f"multi-task baseline, loss_weights={names.loss_weights}"
    else:
        groups = ("distillation", "adaptor", "distance", "loss_weights")
        what = "student, " + ", ".join(f"{group}={getattr(names, group)}" for group in groups)
    return f"{what}; {config.dataset.name}, {names.model}, seed {config.seed}"


def supervision(config: TrainConfig) -> dict[str, Any]:
    """Describe which labels are kept; where not all are, with the tasks and the seed from which they are drawn."""
    drawn = {"supervised_tasks": sorted(config.tasks), "supervised_seed": config.seed}
    return {"supervision": config.labels} | ({} if config.labels == "full" else drawn)


def _teachers(
    config: TrainConfig,
    model: Mapping[str, Any],
    tasks: Mapping[str, Task],
    dataset: dict[str, Any],
    configuration: Configuration,
    overrides: Sequence[str],
) -> dict[str, Teacher]:
    """Find the trained teachers that a student needs."""
    if config.stage.name != "student" or not REGIMES.traits(config.distillation).needs_trained_teachers:
        return {}
    architecture = {key: value for key, value in model.items() if key not in FINE_TUNING}
    student = {"dataset": dataset, **supervision(config), "model": architecture, "seed": config.seed}
    if config.names.debug is None:
        student["debug"] = None  # what a debug run has trained is no teacher
    choice = config.teacher
    size = list(choice.size) if choice.size else None
    settings = {"model": choice.model, "size": size, "seed": choice.seed, "proxy": choice.proxy, **choice.entries}
    asked = Student(student, configuration)
    return find_teachers(Path(config.paths.runs), list(tasks), asked, settings, overrides, _model_option)


def _model_option(name: str) -> dict[str, Any]:
    """Read an option of ``model``; raises UserError where there is none of that name."""
    found = option("model", name)
    if found is None:
        raise UserError(f"there is no network '{name}'", f"options of model are {', '.join(options('model'))}")
    return found


def _distillation(
    config: TrainConfig,
    network: MultiTaskNetwork,
    tasks: Mapping[str, Task],
    teachers: Mapping[str, Teacher],
    views: int | None,
) -> Distillation | None:
    """Build the regime of distillation of a student."""
    if config.stage.name == "teacher":
        return None

    def build(some: Mapping[str, Task]) -> MultiTaskNetwork:
        return build_network(config.model, {name: task.channels for name, task in some.items()})

    distillation: Distillation | None = REGIMES.build(
        config.distillation,
        Setup(
            student=network,
            tasks=tasks,
            teachers=load_teachers(teachers),
            build_network=build,
            adaptor=ADAPTORS.bind(config.adaptor),
            distance=DISTANCES.bind(config.distance),
            image_size=config.dataset.size,
            seed=config.seed,
            views=views,
            cache_capacity=config.teacher_cache,
        ),
    )
    return distillation


def _module(
    config: TrainConfig, network: MultiTaskNetwork, tasks: Mapping[str, Task], distillation: Distillation | None
) -> DenseModule:
    """Build the LightningModule, with its networks in the configured memory format, compiled where configured."""
    networks = [network, *(distillation.teacher_networks() if distillation else [])]
    if config.channels_last:
        for each in networks:
            each.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    common = {
        "network": network,
        "tasks": tasks,
        "build_optimiser": OPTIMISERS.bind(config.optimiser),
        "schedule": SCHEDULES.build(config.schedule),
        "seed": config.seed,
    }
    module: DenseModule
    if config.stage.name == "teacher":
        module = SingleTaskModule(**common)
    else:
        weighting = LOSS_WEIGHTS.build(config.loss_weights, list(tasks))
        if weighting.autograd_passes and config.trainer.precision == "16-mixed":
            raise UserError(
                f"loss_weights={config.names.loss_weights} cannot work with fp16",
                "it differentiates each loss by itself, without the gradient scaler that fp16 needs",
                "trainer.precision=bf16-mixed",
            )
        if weighting.autograd_passes and not network.shared_and_task_parameters()[0]:
            raise UserError(
                f"loss_weights={config.names.loss_weights} has nothing to compare",
                "it compares task gradients of what all tasks share, and that is frozen",
                "loss_weights=uniform, or a smaller part in model.freeze",
            )
        module = MultiTaskModule(weighting=weighting, distillation=distillation, **common)
    if config.compile:
        module.in_cuda_graphs = config.compile_mode is not None
        if isinstance(module, MultiTaskModule) and module.weighting.autograd_passes:
            # each loss is differentiated by itself, and the first compiled pass would give away what the next one reads
            functorch_config.donated_buffer = False
        mode = {"mode": config.compile_mode} if config.compile_mode else {}
        for each in networks:
            each.trunk.compile(backend=config.compile_backend, **mode)
    return module


def _trainer(config: TrainConfig, values: Values, folder: Path, group: str | None) -> pl.Trainer:
    """Build Lightning's trainer with what is written into the run directory, and the trackers."""
    pictures, probe = config.pictures, config.probe
    watching = Watching(pictures.every, pictures.count, probe.every, probe.images)
    arguments = config.trainer.arguments()
    arguments["precision"] = choose_precision(str(config.trainer.precision), config.trainer.accelerator)
    run = TrackedRun(folder, Path(config.paths.runs), config.label or title(config), group)
    built = [TRACKERS.build(tracker, run) for tracker in config.logger.values()]
    loggers = [logger for logger in built if logger is not None]
    callbacks = build_callbacks(folder, config.protocol, watching, config.ema.decay)
    return build_trainer(arguments, folder, [*callbacks, *([Tracking(run, values)] if loggers else [])], loggers)
