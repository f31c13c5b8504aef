"""The configuration of Lightning's trainer."""

from dataclasses import dataclass, fields
from typing import Annotated, Any, Literal

from pydantic import Field

from src.app.configuration.kinds import Count, NotNegative, OpenMap, Section

Limit = Annotated[int, Field(ge=0)] | Annotated[float, Field(ge=0, le=1)] | None
TrainLimit = Annotated[int, Field(ge=1)] | Annotated[float, Field(gt=0, le=1)] | None


@dataclass(frozen=True, kw_only=True)
class Strategy(Section):
    """Arguments of Lightning's DDPStrategy."""

    start_method: Annotated[
        Literal["popen", "spawn", "fork", "forkserver"], Field(description="how processes are started")
    ] = "popen"
    gradient_as_bucket_view: Annotated[bool, Field(description="gradients are views of DDP's buckets")] = True
    static_graph: Annotated[bool, Field(description="buckets are ordered once, for graphs that never change")] = False
    find_unused_parameters: Annotated[bool, Field(description="find parameters without gradient each step")] = False
    bucket_cap_mb: Annotated[Count, Field(description="MiB of a bucket of gradients")] = 25


@dataclass(frozen=True, kw_only=True)
class Trainer(Section):
    """Arguments of pytorch_lightning.Trainer."""

    accelerator: Annotated[Literal["auto", "cpu", "gpu", "cuda", "mps"], Field(description="kind of device")]
    devices: Annotated[
        Literal[-1] | Count | str | list[NotNegative], Field(description="how many, or which: 4, [0,1], '0,1', auto")
    ]
    num_nodes: Annotated[Count, Field(description="machines; see docs/scaling.md")]
    strategy: Annotated[str | Strategy, Field(description="auto, or the strategy of distributed training")]
    max_epochs: Annotated[Count, Field(description="epochs")]
    max_steps: Annotated[Literal[-1] | Count, Field(description="optimiser steps after which training ends; -1: none")]
    max_time: Annotated[
        str | dict[str, int] | None, Field(description="time after which training ends: DD:HH:MM:SS, or {hours: 1}")
    ]
    precision: Annotated[
        Literal["auto", "32-true", "32", 32, "16-mixed", "bf16-mixed"],
        Field(description="auto: bf16-mixed where the hardware has it, 32-true elsewhere"),
    ]
    gradient_clip_val: Annotated[
        Annotated[float, Field(gt=0)] | None, Field(description="norm, or value, to which gradients are clipped")
    ]
    gradient_clip_algorithm: Annotated[
        Literal["norm", "value"] | None, Field(description="whether the norm or the values are clipped")
    ]
    accumulate_grad_batches: Annotated[Count, Field(description="batches per optimiser step")]
    check_val_every_n_epoch: Annotated[Count, Field(description="epochs between validations")]
    limit_train_batches: Annotated[TrainLimit, Field(description="batches (a number) or share of train per epoch")]
    limit_val_batches: Annotated[Limit, Field(description="batches (a number) or share that is validated on")]
    limit_test_batches: Annotated[Limit, Field(description="batches (a number) or share that is tested on")]
    overfit_batches: Annotated[
        NotNegative | Annotated[float, Field(ge=0, le=1)],
        Field(description="batches that every epoch repeats"),
    ]
    fast_dev_run: Annotated[bool | Count, Field(description="a trial run of this many batches, without checkpoints")]
    log_every_n_steps: Annotated[Count, Field(description="steps between entries of a logger")]
    num_sanity_val_steps: Annotated[Literal[-1] | NotNegative, Field(description="batches validated before training")]
    enable_model_summary: Annotated[bool, Field(description="print the layers")]
    use_distributed_sampler: Annotated[
        Literal[False], Field(description="false: the program's sampler shards by itself, without repeating an image")
    ]
    deterministic: Annotated[bool | Literal["warn"] | None, Field(description="deterministic algorithms")]
    benchmark: Annotated[bool | None, Field(description="let cuDNN choose the fastest algorithms")]
    sync_batchnorm: Annotated[bool, Field(description="BatchNorm statistics over all processes")]
    detect_anomaly: Annotated[bool, Field(description="find the operation that produced a NaN; slow")]
    profiler: Annotated[Literal["simple", "advanced", "pytorch"] | None, Field(description="Lightning's profiler")]
    others: Annotated[dict[str, Any], OpenMap(), Field(description="any other argument of pytorch_lightning.Trainer")]

    def arguments(self) -> dict[str, Any]:
        """Return the arguments that are set, for pytorch_lightning.Trainer."""
        named = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "others"}
        if isinstance(self.strategy, Strategy):
            named["strategy"] = {field.name: getattr(self.strategy, field.name) for field in fields(self.strategy)}
        return {key: value for key, value in (named | self.others).items() if value is not None}

    @property
    def launches_processes(self) -> bool:
        """Whether Lightning starts its further processes by the command line of the first."""
        if isinstance(self.strategy, Strategy):
            return self.strategy.start_method == "popen"
        return not any(word in self.strategy for word in ("spawn", "fork", "notebook"))

    @property
    def static_graph(self) -> bool:
        """Whether DDP assumes that the graph never changes."""
        return isinstance(self.strategy, Strategy) and self.strategy.static_graph
