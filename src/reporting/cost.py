"""The cost of a run's network, counted without running it."""

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from src.models.flops import forward_flops
from src.tasks.base import TASKS


def gflop(record: Mapping[str, Any]) -> float | None:
    """Count 1e9 floating-point operations per image, forward, two per multiply-add, of the network of a run.

    None where the record lacks something, or names a part that can no longer be built.
    """
    try:
        return _count(json.dumps([record["model"], record["task_configs"], record["dataset"]["size"]]))
    except Exception:  # the code may have moved on since the run; a table without this column is still a table
        return None


@cache
def _count(description: str) -> float:
    model, task_configs, (height, width) = json.loads(description)
    outputs = {name: TASKS.build(config).channels for name, config in task_configs.items()}
    return forward_flops(model, outputs, (height, width)) / 1e9
