"""Descriptions of a run: in its record, its weights file and the terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

from src.app.assemble import Assembled, supervision
from src.app.conf import option, options
from src.app.configuration.train import TrainConfig
from src.models.lora import is_lora
from src.runs.canonical import canonical, differences, flattened, transforms_of
from src.runs.starts import describe_environment

CHOSEN = ("model", "distillation", "adaptor", "distance", "loss_weights", "optimiser", "schedule")
"""Groups whose chosen option has a name in the record; so has each of the transforms of augmentation."""


def changed_values(configuration: Mapping[str, Any], names: Mapping[str, Any]) -> dict[str, Any]:
    """Return by dotted key the values that differ from the defaults of the options that were chosen, by ``names``."""
    groups = [group for group in CHOSEN if isinstance(configuration.get(group), Mapping)]
    usual: dict[str, Any] = {group: option(group, str(names.get(group))) or {} for group in groups}
    usual["ema"] = {"decay": 0}
    usual["trainer"] = option("trainer", "default") or {}
    usual["dataset"] = option("dataset", str(configuration["dataset"]["name"])) or {}
    tasks = configuration["tasks"]
    usual["tasks"] = {name: option("task", name) or {} for name in tasks}
    transforms = transforms_of(configuration.get("augmentation"))
    own = {**configuration, "augmentation": dict(zip(_transform_names(transforms, names), transforms, strict=True))}
    reference = canonical(usual) | {"augmentation": {name: _usual_transform(name) for name in own["augmentation"]}}
    found, mine = differences(own, reference), flattened(own)
    references = {key for key, value in flattened(usual).items() if isinstance(value, str) and "${" in value}
    return {k: v for k, v in found.items() if k.partition(".")[0] in reference and k in mine and k not in references}


def option_names(configuration: Mapping[str, Any], names: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``names`` with the options of groups that earlier versions did not name: those that fit best."""
    found = dict(names)
    for group in CHOSEN:
        own = configuration.get(group)
        if isinstance(own, Mapping) and not found.get(group):
            known = {name: canonical({group: option(group, name) or {}}) for name in options(group)}
            found[group] = min(known, key=lambda name: len(differences({group: own}, known[name])))
    return found | {"augmentation": _transform_names(transforms_of(configuration.get("augmentation")), names)}


def _transform_names(transforms: Sequence[Mapping[str, Any]], names: Mapping[str, Any]) -> list[str]:
    """Return the options that transforms are, by ``names``; where earlier versions named none, those that fit best."""
    chosen = names.get("augmentation")
    chosen = [chosen] if isinstance(chosen, str) else chosen
    if isinstance(chosen, list) and len(chosen) == len(transforms):
        return chosen
    known = {name: _usual_transform(name) for name in options("transform")}
    return [min(known, key=lambda name: len(differences(own, known[name]))) for own in transforms]


def _usual_transform(name: str) -> Mapping[str, Any]:
    """Return the canonical configuration of an option of ``transform``."""
    found: Mapping[str, Any] = canonical({"augmentation": {name: option("transform", name) or {}}})["augmentation"]
    return found


def describe(config: TrainConfig, values: Mapping[str, Any], run: Assembled) -> dict[str, Any]:
    """Describe a run for run.json."""
    manifest = run.data.store.manifest
    names = {**values["names"], "augmentation": list(config.augmentation)}
    return {key: values[key] for key in ("label", "seed", "protocol")} | {
        "model": run.model,
        "input": run.network.input_statistics.plain(),
        "names": names,
        "stage": config.stage.name,
        "task": next(iter(run.tasks)) if config.stage.name == "teacher" else None,
        "task_configs": run.task_configs,
        "dataset": run.dataset,
        "source": manifest.source,
        "train_images": len(run.data.train_indices),
        "epochs": config.trainer.max_epochs,
        "validation": config.dataset.validation,
        "primary_metrics": [f"{name}/{task.primary_metric}" for name, task in run.tasks.items()],
        "teachers": {name: teacher.entry for name, teacher in run.teachers.items()},
        "teacher_digests": {name: teacher.digest for name, teacher in run.teachers.items()},
        "teacher_runs": {name: teacher.run.digest for name, teacher in run.teachers.items() if teacher.run},
        "proxy_teachers": {name: teacher.proxy_of for name, teacher in run.teachers.items() if teacher.proxy_of},
        "teacher_differences": {name: dict(teacher.differs) for name, teacher in run.teachers.items() if teacher.run},
        **supervision(config),
        "parameters": sum(p.numel() for n, p in run.network.named_parameters() if not is_lora(n)),
        "digest": run.digest,
        "debug": config.names.debug,
        "configuration": run.configuration,
        "changed": changed_values(run.configuration, names),
        **describe_environment(),
    }


def metadata(record: Mapping[str, Any]) -> dict[str, Any]:
    """Select from a record what is needed to use the weights."""
    return {"tasks": record["task_configs"]} | {key: record[key] for key in ("model", "dataset")}
