"""Names of settings and methods: the differences of their configurations to the defaults, as short as possible."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from src.foundation.validation import short
from src.reporting.rows import Setting
from src.runs.canonical import flattened, transforms_of
from src.runs.identity import METHOD, digest, setting_of
from src.runs.record import Run
from src.runs.teacher_ranking import extent

NAMED_OTHERWISE = (
    "dataset.name", "dataset.size", "dataset.classes", "dataset.label",
    "dataset.content", "dataset.train_images", "dataset.batch_size",
    "trainer.max_epochs", "trainer.precision", "trainer.processes", "optimiser.lr",
)  # fmt: skip
SUPERVISION = {"full": "", "random": ", random tasks' labels each", "one": ", one task's label each"}


@dataclass(frozen=True)
class Method:
    """How a run was trained beyond the setting of its table.

    Args:
        label: the name that the user gave, or one made of the chosen options.
        digest: identifies the configuration of the method, and the label.
        changed: values that are no defaults, by dotted key.
        applicable: all keys of the method's configuration.
    """

    label: str
    digest: str
    changed: Mapping[str, Any]
    applicable: frozenset[str]


def setting_of_run(run: Run) -> Setting:
    """Describe the setting of a run."""
    record, configuration = run.record, setting_of(run.configuration)
    dataset, changed = record["dataset"], record.get("changed") or {}
    classes = f", {dataset['classes']} classes" if dataset.get("classes") else ""
    name = f"{dataset['name']} {dataset['size'][0]}x{dataset['size'][1]}{classes}"
    supervision = SUPERVISION[record.get("supervision", "full")]
    return Setting(
        f"{name}, {record['train_images']} training images{supervision}",
        _with_changes(record["names"]["model"], "model", changed),
        record["epochs"],
        record["protocol"],
        _training(run, configuration, changed),
        digest(configuration),
    )


def method_of_run(run: Run, teacher_differences: Mapping[str, Mapping[str, Any]]) -> Method:
    """Describe the method of a student's run.

    Args:
        run: the run.
        teacher_differences: for each teacher that a run trained, in what its training differs from the student's.
    """
    configuration, record = run.configuration, run.record
    own = {key: configuration[key] for key in (*METHOD, "tasks") if key in configuration and key != "teacher"}
    teachers = _teachers(run, teacher_differences)
    changed = {k: v for k, v in (record.get("changed") or {}).items() if k.partition(".")[0] in own} | teachers
    label = str(record["label"]) if record.get("label") else _from_options(record["names"])
    if not run.finished:
        label = f"{label} ({extent(run)})"
    return Method(
        label, digest({"method": own, "teacher": teachers, "label": label}), changed, frozenset(flattened(own))
    )


def name_methods(methods: Sequence[Method], more_keys: Sequence[str]) -> tuple[dict[str, str], str]:
    """Return the name of each method, by digest, and what is common to all that have the key.

    Args:
        methods: the methods of one table.
        more_keys: keys of its setting, which a shortened key must not be taken for.
    """
    common = {key: value for key, value in _agreed(methods).items()}
    keys = {key for method in methods for key in (*method.changed, *method.applicable)} | set(more_keys)
    names = {}
    for method in methods:
        told = [f"{_shortest(key, keys)}={short(v)}" for key, v in method.changed.items() if key not in common]
        names[method.digest] = " ".join([method.label, *(f"[{each}]" for each in told)])
    taken = list(names.values())
    for key, name in names.items():
        if taken.count(name) > 1:  # what tells them apart is no option's value
            names[key] = f"{name} [{key[:6]}]"
    return names, ", ".join(f"{_shortest(key, keys)}={short(value)}" for key, value in common.items())


def _agreed(methods: Sequence[Method]) -> dict[str, Any]:
    """Return the changed values on which all methods agree to which the key applies, where there are several."""
    agreed = {}
    for key in dict.fromkeys(key for method in methods for key in method.changed):
        concerned = [method for method in methods if key in method.changed or key in method.applicable]
        values = [method.changed.get(key) for method in concerned]
        if len(concerned) > 1 and all(key in m.changed for m in concerned) and all(v == values[0] for v in values):
            agreed[key] = values[0]
    return agreed


def _shortest(key: str, keys: set[str]) -> str:
    """Return the shortest end of a dotted key that no other key has."""
    steps = key.split(".")
    for start in range(len(steps) - 1, 0, -1):
        end = ".".join(steps[start:])
        if not any(other != key and (other == end or other.endswith(f".{end}")) for other in keys):
            return end
    return key


def _from_options(names: Mapping[str, Any]) -> str:
    """Name a method by its options that are not the defaults."""
    distillation, loss_weights = names["distillation"], names["loss_weights"]
    method = "multi-task"
    if distillation != "none":
        extras = [names[k] for k, usual in (("adaptor", "linear"), ("distance", "normalised")) if names[k] != usual]
        method = f"distilled ({', '.join([distillation, *extras])})"
    return method if loss_weights == "uniform" else f"{method} + {loss_weights}"


def _teachers(run: Run, teacher_differences: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Describe a student's teachers where they are not what its own settings give."""
    used, chosen = run.record.get("teachers") or {}, run.configuration.get("teacher", {})
    described: dict[str, Any] = {}
    if used:
        described |= {f"teacher.{task}": "none" for task in run.record["task_configs"] if task not in used}
    proxies = run.record.get("proxy_teachers", {})
    if proxies and len(set(proxies.values())) == 1 and proxies.keys() == used.keys():
        described["teacher.proxy"] = next(iter(proxies.values()))
    else:
        described |= {f"teacher.{name}.proxy": method for name, method in proxies.items()}
    for name, entry in used.items():
        if name not in teacher_differences:
            described |= {f"teacher.{name}": entry}
        elif isinstance(entry, Mapping) and "levels" in entry:
            described |= {f"teacher.{name}.levels": entry["levels"]}
    if "seed" in chosen:
        described["teacher.seed"] = chosen["seed"]
    found = list(teacher_differences.values())
    if found and all(each == found[0] for each in found):
        return described | {f"teacher.{key}": value for key, value in found[0].items()}
    return described | {f"teacher.{n}.{key}": v for n, each in teacher_differences.items() for key, v in each.items()}


def _training(run: Run, configuration: Mapping[str, Any], changed: Mapping[str, Any]) -> str:
    """Describe optimiser, schedule, augmentation, batch size, precision and other training settings."""
    names = run.record["names"]
    parts = []
    for group in ("optimiser", "schedule"):
        config = configuration.get(group, {})
        name = str(names.get(group) or config.get("_target_"))
        usual = [f"lr {config['lr']}"] if group == "optimiser" and "lr" in config else []
        parts.append(_with_changes(name, group, changed, usual))
    parts.append(_augmentation(configuration.get("augmentation"), names.get("augmentation"), changed))
    dataset, trainer = configuration.get("dataset", {}), configuration.get("trainer", {})
    processes = int(trainer.get("processes", 1))
    batch = f"batch {dataset.get('batch_size')}" + (f" in each of {processes} processes" if processes > 1 else "")
    others = [k for k in changed if k.partition(".")[0] in ("trainer", "dataset") and k not in NAMED_OTHERWISE]
    ema = [f"ema decay {short(changed['ema.decay'])}"] if "ema.decay" in changed else []
    return ", ".join(
        [
            *parts,
            *ema,
            batch,
            str(trainer.get("precision")),
            *(f"{k.partition('.')[2]} {short(changed[k])}" for k in others),
        ]
    )


def _augmentation(augmentation: Any, names: Any, changed: Mapping[str, Any]) -> str:
    """Describe the transforms of training images in their order; an earlier version named one option, not a list."""
    transforms = transforms_of(augmentation)
    if not transforms:
        return "no augmentation"
    if isinstance(names, str):
        return _with_changes(names, "augmentation", changed)
    names = names or [each.get("_target_") for each in transforms]
    return " + ".join(_with_changes(str(name), f"augmentation.{name}", changed) for name in names)


def _with_changes(name: str, group: str, changed: Mapping[str, Any], more: Sequence[str] = ()) -> str:
    """Write an option's name with the values of its group that were changed."""
    told = [
        f"{key.removeprefix(f'{group}.')} {short(value)}"
        for key, value in changed.items()
        if key.startswith(f"{group}.") and key not in NAMED_OTHERWISE
    ]
    values = [*more, *told]
    return f"{name} ({', '.join(values)})" if values else name
