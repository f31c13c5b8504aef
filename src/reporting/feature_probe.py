"""The values of the feature probe, drawn for all methods of a comparison."""

from collections.abc import Mapping

from markupsafe import Markup

from src.visual.feature_curves import PREFIX
from src.visual.plots import Curve, overlay
from src.visual.style import Style

KINDS = {"gradient_cosine": "gradient cosine", "gradient_norm": "gradient norm", "cosine": "cosine", "cka": "CKA"}


def figures(history: Mapping[str, Mapping[str, Curve]], styles: Mapping[str, Style]) -> dict[str, list[Markup]]:
    """Draw the values of the feature probe (curves by method and key), by kind; empty where none were logged."""
    keys = dict.fromkeys(key for logged in history.values() for key in logged if key.startswith(PREFIX))
    drawn: dict[str, list[Markup]] = {kind: [] for kind in KINDS}
    for key in keys:
        kind, _, name = key.removeprefix(PREFIX).partition("/")
        if kind in KINDS and (figure := overlay(f"{KINDS[kind]}: {name.replace('/', ', ')}", key, history, styles)):
            drawn[kind].append(figure)
    return drawn if any(drawn.values()) else {}
