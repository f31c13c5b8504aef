"""Configurations composed without a command line: what Hydra's main would compose from the same overrides."""

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import OmegaConf

from src.app.conf import CONF, register_lists
from src.app.configuration.train import Names


def composed_values(config_name: str, overrides: Sequence[str]) -> dict[str, Any]:
    """Compose ``conf/<config_name>.yaml`` under ``overrides`` and resolve it to plain values."""
    register_lists()
    started = GlobalHydra.instance().is_initialized()  # by the command that this is called in
    with nullcontext() if started else initialize_config_dir(str(CONF), version_base="1.3"):
        composed = compose(config_name, list(overrides), return_hydra_config=True)
    chosen = {key: value for key, value in composed.items() if key not in ("hydra", "names")}
    values: Any = OmegaConf.to_container(OmegaConf.create(chosen), resolve=True)
    if "names" in composed:
        choices = composed.hydra.runtime.choices
        values["names"] = {name: choices.get(name) for name in Names.__dataclass_fields__}
    return values
