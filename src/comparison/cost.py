"""What a network costs to run, counted without running it."""

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from src.runs.weights import build_network, build_tasks


def gflop(about: Mapping[str, Any]) -> float | None:
    """Count 1e9 floating-point operations per image, forward, two per multiply-add, of the network a run describes.

    None where the record does not say enough, or names what can no longer be built.
    """
    model = about.get("model")
    if not model or not str(model.get("_target_", "")).startswith("src.models."):
        return None
    if "weights" in model:
        model = {**model, "weights": None}  # they change no count, and loading them needs the network
    try:
        return _count(json.dumps([model, about["task_configs"], about["dataset"]["size"]]))
    except Exception:  # the code may have moved on since the run; a table without this column is still a table
        return None


@cache
def _count(description: str) -> float:
    model, task_configs, (height, width) = json.loads(description)
    with torch.device("meta"):
        network = build_network(model, build_tasks(task_configs)).eval()
        image = torch.empty(1, 3, height, width)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(image)
    return counter.get_total_flops() / 1e9
