"""Sweeps and several processes."""

import os
from collections.abc import Mapping
from typing import Any

import torch

from src.errors import UserError

STARTED_FROM_THE_PARENT = ("spawn", "fork", "notebook")


def refuse_launched_processes(trainer: Mapping[str, Any]) -> None:
    """Raise UserError where Lightning would launch further processes under a multirun.

    It starts them with the parent's command line, so that where a sweep draws values the ranks would train
    different configurations, silently. ``auto`` becomes ddp for more than one device. Slurm's own processes of a
    submitit job are no such case: they read one and the same config from the job.
    """
    if "SUBMITIT_EXECUTOR" in os.environ and int(os.environ.get("SLURM_NTASKS", 1)) > 1:
        return
    strategy = str(trainer["strategy"])
    name = "ddp" if isinstance(trainer["strategy"], Mapping) else strategy
    if any(word in strategy for word in STARTED_FROM_THE_PARENT) or _count(trainer["devices"]) <= 1:
        return
    raise UserError(
        f"strategy {name} with devices={trainer['devices']} does not work under a multirun",
        "the processes it launches compose their config anew and could train different jobs",
        "use trainer=ddp_spawn, or trainer.devices=1 per job, or start each job by itself without -m",
    )


def refuse_changing_graph(trainer: Mapping[str, Any], regime: str, labels: str) -> None:
    """Raise UserError where DDP is told that the graph never changes and it does, or weights were seen to differ."""
    strategy = trainer["strategy"]
    if not (isinstance(strategy, Mapping) and strategy.get("static_graph")):
        return
    if labels != "full":
        why = f"under labels={labels} a batch can lack a task, and the graph with it"
    elif regime == "online":
        why = "under online distillation other weights came of it than without"
    else:
        return
    raise UserError("trainer.strategy.static_graph=true does not work here", why, "trainer.strategy.static_graph=false")


def _count(devices: Any) -> int:
    if isinstance(devices, list):
        return len(devices)
    return torch.cuda.device_count() if str(devices) in ("auto", "-1") else int(devices)
