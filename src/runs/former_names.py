"""Parts as files of earlier versions name them: by import paths, of which only these are known."""

from collections.abc import Mapping
from typing import Any

from src.foundation.part_options import TARGET

FORMER_NAMES = {
    "src.models.small.small": "small",
    "src.models.segnet.segnet": "segnet",
    "src.models.mtan.mtan": "mtan",
    "src.models.smp.smp_network": "smp",
    "src.models.timm.timm_network": "timm",
    "src.tasks.semantic.Semantic": "semantic",
    "src.tasks.depth.Depth": "depth",
    "src.tasks.normal.Normal": "normal",
}
NO_AUGMENTATION = {TARGET: "scale_flip", "scales": [1], "flip": 0}
"""The canonical configuration of a training without transforms."""


def by_present_names(config: Any) -> Any:
    """Return a network's or task's configuration with the name that its part has now; anything else as it is."""
    if not isinstance(config, Mapping):
        return config
    name = config.get(TARGET)
    return {**config, TARGET: FORMER_NAMES.get(name, name)} if isinstance(name, str) else dict(config)
