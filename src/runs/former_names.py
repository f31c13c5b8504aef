"""Parts as files of earlier versions name them, of which only these are known."""

from collections.abc import Mapping
from typing import Any

from src.foundation.part_options import TARGET
from src.modalities.base import Modality
from src.modalities.known import NORMAL, depth_in

FORMER_NAMES = {
    "src.models.small.small": "small",
    "src.models.segnet.segnet": "segnet",
    "src.models.mtan.mtan": "mtan",
    "src.models.smp.smp_network": "smp",
    "src.models.timm.timm_network": "timm",
}
NO_AUGMENTATION = {TARGET: "scale_flip", "scales": [1], "flip": 0}
"""The canonical configuration of a training without transforms."""


def by_present_names(config: Any) -> Any:
    """Return a network's configuration with the name that its part has now; anything else as it is."""
    if not isinstance(config, Mapping):
        return config
    name = config.get(TARGET)
    return {**config, TARGET: FORMER_NAMES.get(name, name)} if isinstance(name, str) else dict(config)


def present_task(config: Any) -> Any:
    """Return the configuration that a task of an earlier version has now: by kind, with its modality."""
    if not isinstance(config, Mapping):
        return config
    try:
        return _by_kind(config) or dict(config)
    except (TypeError, ValueError):  # values that no earlier version wrote: the task is refused by its name
        return dict(config)


def _by_kind(config: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the configuration of a task of an earlier version by kind; None for any other."""
    target = str(config.get(TARGET))
    former = target.rpartition(".")[2].lower() if target.startswith("src.tasks.") else target
    if former == "semantic" and isinstance(count := config.get("classes"), int):
        names = tuple(config.get("names") or (f"class {index}" for index in range(count)))
        colours = tuple((int(r), int(g), int(b)) for r, g, b in config.get("colours") or ())
        label = Modality(name=f"label{count}", kind="classes", names=names, colours=colours)
        metrics = ["miou", "pixel_accuracy", "miou_per_image"]
        return {TARGET: "classes", "name": former, "modality": label.plain(), "metrics": metrics}
    if former == "depth":
        metrics = ["absolute_error", "relative_error", "rmse", "delta_1"]
        return {
            TARGET: "scalar", "name": former, "modality": depth_in(config.get("unit", "m")).plain(), "metrics": metrics
        }  # fmt: skip
    if former == "normal":
        metrics = ["mean_angle", "median_angle", "within_11", "within_22", "within_30"]
        return {TARGET: "vector", "name": former, "modality": NORMAL.plain(), "metrics": metrics}
    return None


def by_name_of_modality(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a task's configuration as a command line has it: its modality is a name, which the dataset explains."""
    modality = config.get("modality")
    return {**config, "modality": modality["name"]} if isinstance(modality, Mapping) else dict(config)
