"""What the hardware can do, what a step needs, and how much memory it took."""

import re
import statistics
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from src.benchmarking.clock import seconds_of
from src.runs.weights import build_network, build_tasks

Config = Mapping[str, Any]


def matrix_rate(device: torch.device, precision: str) -> float:
    """Measure the rate of square matrix products in floating-point operations a second, two per multiply-add."""
    dtype = {"bf16": torch.bfloat16, "16-m": torch.float16}.get(precision[:4], torch.float32)
    size = 8192 if device.type == "cuda" else 1024
    one, other = (torch.randn(size, size, device=device, dtype=dtype) for _ in range(2))
    times = [seconds_of(lambda: one @ other, device) for _ in range(8)]
    return 2 * size**3 / statistics.median(times[3:])


def step_flop(
    config: Config, tasks: Mapping[str, Any], regime: str, levels: set[str] | None, kept: Collection[str] = ()
) -> float:
    """Count the floating-point operations of a training step for one image.

    A backward pass is counted as two forward passes; adaptors and losses are left out.

    Args:
        config: the resolved config.
        tasks: configs of the tasks that are trained.
        regime: ``none``, ``offline`` (a frozen teacher of the same network per task) or ``online`` (it is trained).
        levels: what a frozen teacher is asked for, to the deepest of which it runs; None for its prediction.
        kept: teachers whose features are kept, so that they do not run.
    """
    size = config["dataset"]["size"]
    total = 3 * _forward_flop(config["model"], tasks, size, None)
    for name, task in tasks.items():
        if regime == "none" or name in kept:
            continue
        frozen = regime == "offline"
        total += (1 if frozen else 3) * _forward_flop(config["model"], {name: task}, size, levels if frozen else None)
    return total


def _forward_flop(model: Config, tasks: Mapping[str, Any], size: list[int], levels: set[str] | None) -> float:
    model = {**model, "weights": None} if "weights" in model else model
    with torch.device("meta"):
        network = build_network(model, build_tasks(tasks)).eval()
        image = torch.empty(1, 3, *size)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        if levels is None:
            network(image)
        else:
            network.features(image, next(level for level in reversed(network.trunk.channels) if level in levels))
    return counter.get_total_flops()


class PeakMemory:
    """The most memory since it was made, in bytes: allocated on a GPU, resident in the process elsewhere (Linux)."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
        elif (reset := Path("/proc/self/clear_refs")).exists():
            reset.write_text("5")

    def read(self) -> int | None:
        """Return the peak; None where the system does not tell."""
        if self.device.type == "cuda":
            return torch.cuda.max_memory_allocated(self.device)
        status = Path("/proc/self/status")
        found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text()) if status.exists() else None
        return int(found[1]) * 1024 if found else None
