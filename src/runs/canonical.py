"""Configurations so written that equal ones look equal, and how they differ."""

from collections.abc import Collection, Mapping
from typing import Any

from src.data.transforms.base import TRANSFORMS
from src.distillation.adaptors.base import ADAPTORS
from src.distillation.base import REGIMES
from src.distillation.distances.base import DISTANCES
from src.foundation.errors import UserError
from src.foundation.part_options import TARGET, slots_of
from src.foundation.registry import REGISTRIES
from src.loss_weights.base import LOSS_WEIGHTS
from src.models.base import MODELS
from src.models.decoders.base import DECODERS
from src.runs.former_names import NO_AUGMENTATION
from src.tasks.base import TASKS
from src.training.optimisers import OPTIMISERS
from src.training.schedules import SCHEDULES

Configuration = dict[str, Any]
EXACT = 2**53
"""Below it floating-point numbers tell all whole ones apart."""

PARTS = (TASKS, MODELS, DECODERS, REGIMES, ADAPTORS, DISTANCES, LOSS_WEIGHTS, OPTIMISERS, SCHEDULES, TRANSFORMS)
"""The kinds of parts whose options are filled in where a configuration leaves them out."""
KINDS = {registry.kind for registry in PARTS}


def canonical(configuration: Mapping[str, Any]) -> Configuration:
    """Write a configuration so that equal ones look equal: options that it leaves out are set to their defaults."""
    filled = {key: _filled(key, value) for key, value in configuration.items()}
    if isinstance(filled.get("tasks"), Mapping):
        filled["tasks"] = {name: _filled("task", task) for name, task in filled["tasks"].items()}
    if "augmentation" in filled:
        transforms = [_filled("transform", each) for each in transforms_of(filled["augmentation"])]
        filled["augmentation"] = transforms[0] if len(transforms) == 1 else transforms or NO_AUGMENTATION
    plain: Configuration = _plain(filled)
    return plain


def transforms_of(augmentation: Any) -> list[Configuration]:
    """List the transforms of an augmentation in order: of a configuration by name, or of a canonical one.

    A canonical one is a list, as the order of transforms decides what is trained, which that of keys does not; a single
    transform is its own configuration, and none are NO_AUGMENTATION, as before there were several.
    """
    if not augmentation or augmentation == NO_AUGMENTATION:
        return []
    if isinstance(augmentation, Mapping):
        return [dict(augmentation)] if TARGET in augmentation else list(augmentation.values())
    return list(augmentation)


def flattened(values: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """Write nested mappings as one, with dotted keys."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        name = f"{above}.{key}" if above else str(key)
        flat |= flattened(value, name) if isinstance(value, Mapping) and value else {name: value}
    return flat


def differences(configuration: Mapping[str, Any], reference: Mapping[str, Any]) -> dict[str, Any]:
    """Return by dotted key the values of ``configuration`` that ``reference`` has otherwise; None for one it lacks."""
    own, usual = flattened(configuration), flattened(reference)
    keys = dict.fromkeys([*own, *usual])
    return {key: own.get(key) for key in keys if (key in own, own.get(key)) != (key in usual, usual.get(key))}


def _filled(kind: str, config: Any) -> Any:
    """Set the options that a part's configuration leaves out to their defaults; anything else stays as it is."""
    registry = REGISTRIES[kind] if kind in KINDS else None
    if registry is None or not isinstance(config, Mapping) or TARGET not in config:
        return config
    try:
        options, slots = registry.options(config), slots_of(registry.part(config))
    except UserError:  # a part that is not known here
        return config
    defaults = {name: option.default for name, option in options.items() if _is_plain(option.default)}
    return {key: _filled(slots[key].kind, v) if key in slots else v for key, v in {**defaults, **config}.items()}


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, bool | int | float | str | list | tuple | dict)


def _plain(value: Any) -> Any:
    """Write numbers and lists in one way: 1.0 as 1, tuples as lists."""
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | Collection) and not isinstance(value, str):
        return [_plain(inner) for inner in value]
    whole = isinstance(value, float) and value.is_integer() and abs(value) < EXACT
    return int(value) if whole else value
