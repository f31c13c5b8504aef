"""The rate of the hardware, the operations of a step, and the memory that it took."""

import re
import statistics
from collections.abc import Collection, Mapping
from pathlib import Path

import torch

from src.app.configuration.train import TrainConfig
from src.benchmarking.clock import seconds_of
from src.distillation.base import REGIMES
from src.models.flops import forward_flops
from src.tasks.base import Task


def matrix_rate(device: torch.device, precision: str) -> float:
    """Measure the rate of square matrix products in floating-point operations a second, two per multiply-add."""
    dtype = {"bf16": torch.bfloat16, "16-m": torch.float16}.get(precision[:4], torch.float32)
    size = 8192 if device.type == "cuda" else 1024
    one, other = (torch.randn(size, size, device=device, dtype=dtype) for _ in range(2))
    times = [seconds_of(lambda: one @ other, device) for _ in range(8)]
    return 2 * size**3 / statistics.median(times[3:])


def step_flop(
    config: TrainConfig,
    tasks: Mapping[str, Task],
    levels: Collection[str] | None,
    kept: Collection[str] = (),
) -> float:
    """Count the floating-point operations of a training step for one image.

    A backward pass is counted as two forward passes; adaptors and losses are left out.

    Args:
        config: the configuration; teachers are taken to be of the student's own network.
        tasks: the tasks that are trained.
        levels: levels of a frozen teacher, which runs up to the deepest of them; None for its output.
        kept: teachers whose features are cached, so that they do not run.
    """
    outputs = {name: task.channels for name, task in tasks.items()}
    size = config.dataset.size
    assert size is not None
    total = 3 * forward_flops(config.model, outputs, size)
    if config.stage.name == "teacher":
        return total
    regime = REGIMES.traits(config.distillation)
    for name, channels in outputs.items():
        if regime.needs_trained_teachers and name not in kept:
            total += forward_flops(config.model, {name: channels}, size, levels)
        elif regime.trains_networks:
            total += 3 * forward_flops(config.model, {name: channels}, size)
    return total


class PeakMemory:
    """The most memory since it was made, in bytes: allocated on a GPU, resident in the process elsewhere (Linux)."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
        elif (reset := Path("/proc/self/clear_refs")).exists():
            reset.write_text("5")

    def read(self) -> int | None:
        """Return the peak; None where the system does not report it."""
        if self.device.type == "cuda":
            return torch.cuda.max_memory_allocated(self.device)
        status = Path("/proc/self/status")
        found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text()) if status.exists() else None
        return int(found[1]) * 1024 if found else None
