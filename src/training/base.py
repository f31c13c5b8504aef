"""What single-task and multi-task training share: losses, metrics, optimiser groups and their schedules."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR
from torchmetrics import MetricCollection

from src.models.base import MultiTaskNetwork
from src.tasks.base import Task
from src.training.finiteness import FiniteWatch
from src.training.optimisers import PLACES, BuildOptimiser
from src.training.part_rates import Place, places_of
from src.training.schedules import Extent, Schedule, factor_by_epoch, factor_by_step, is_by_step

Batch = dict[str, Tensor]


@dataclass
class ParameterGroup:
    """Parameters with optimiser settings and a schedule of their own."""

    name: str
    parameters: Sequence[nn.Parameter]
    schedule: Schedule
    settings: Mapping[str, float] = field(default_factory=dict)
    networks: Sequence[MultiTaskNetwork] = ()
    """The networks that the parameters are of, where parts of these may have rates of their own."""

    def described(self) -> dict[str, Any]:
        """Return the group as optimisers take it."""
        return {"params": self.parameters, "name": self.name, **self.settings} | (
            {PLACES: self._places} if self.networks else {}
        )

    def _places(self) -> list[Place]:
        known = {key: place for network in self.networks for key, place in places_of(network).items()}
        return [known[id(parameter)] for parameter in self.parameters]


class DenseModule(pl.LightningModule):
    """Trains and evaluates a network on dense tasks.

    Args:
        network: the network that is trained.
        tasks: the tasks by name.
        build_optimiser: builds the optimiser from parameter groups.
        schedule: learning-rate factor of the network's parameters.
        seed: from which every epoch's random state is drawn, so that a resumed run repeats it.
    """

    def __init__(
        self,
        network: MultiTaskNetwork,
        tasks: Mapping[str, Task],
        build_optimiser: BuildOptimiser,
        schedule: Schedule,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.network = network
        self.tasks = dict(tasks)
        self.build_optimiser, self.schedule, self.seed = build_optimiser, schedule, seed
        self.in_cuda_graphs = False
        """Whether the trunks run as CUDA graphs, whose outputs the next step overwrites."""
        self.finite = FiniteWatch()
        self.val_metrics = nn.ModuleDict({name: task.metrics() for name, task in tasks.items()})
        self.test_metrics = nn.ModuleDict({name: task.metrics() for name, task in tasks.items()})

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """Map images (N, 3, H, W) to one prediction (N, channels, H, W) per task."""
        return {name: self.tasks[name].activate(raw) for name, raw in self.network(image).items()}

    def task_losses(self, raw: Mapping[str, Tensor], batch: Batch) -> dict[str, Tensor]:
        """Compute one scalar loss per task from raw outputs and targets."""
        return {name: task.loss(raw[name], batch[name]) for name, task in self.tasks.items()}

    def parameter_groups(self) -> list[ParameterGroup]:
        """List the groups of parameters that the optimiser gets."""
        trained = [p for p in self.network.parameters() if p.requires_grad]
        return [ParameterGroup("network", trained, self.schedule, networks=[self.network])]

    def configure_optimizers(self) -> Any:
        """Build one optimiser over all groups, each under its own schedule, stepped by epoch or, if one is, by step."""
        groups = self.parameter_groups()
        optimiser = self.build_optimiser([group.described() for group in groups])
        schedules = {group.name: group.schedule for group in groups}
        by_part = [schedules[group["name"].partition("/")[0]] for group in optimiser.param_groups]
        epochs = self.trainer.max_epochs or 1
        interval = "step" if any(map(is_by_step, by_part)) else "epoch"
        if interval == "step":
            extent = self._extent(epochs)
            factors = [factor_by_step(schedule, extent) for schedule in by_part]
        else:
            factors = [factor_by_epoch(schedule, epochs) for schedule in by_part]
        return {
            "optimizer": optimiser,
            "lr_scheduler": {"scheduler": LambdaLR(optimiser, factors), "interval": interval},
        }

    def _extent(self, epochs: int) -> Extent:
        """Count the optimiser's steps: a batch is one, or several are, and the last of an epoch always ends one."""
        steps = int(self.trainer.estimated_stepping_batches)  # which loads the data, so that batches are known
        batches = int(self.trainer.num_training_batches)
        return Extent(epochs, max(-(-batches // self.trainer.accumulate_grad_batches), 1), max(steps, 1))

    def configure_gradient_clipping(
        self,
        optimizer: Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Clip gradients by their norm, or by value.

        Lightning refuses any fused optimiser under mixed precision, but only fp16 has gradients in another scale.
        """
        if not gradient_clip_val:
            return
        if getattr(self.trainer.precision_plugin, "scaler", None) is not None:
            self.clip_gradients(optimizer, gradient_clip_val, gradient_clip_algorithm)
            return
        parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
        by_value = gradient_clip_algorithm == "value"
        clip = nn.utils.clip_grad_value_ if by_value else nn.utils.clip_grad_norm_
        clip(parameters, gradient_clip_val)

    def on_train_epoch_start(self) -> None:
        """Draw the epoch's random state from seed, epoch and rank, so that a resumed run repeats an unbroken one."""
        torch.manual_seed((self.seed * 100_003 + self.current_epoch) * 1_009 + self.global_rank)

    def on_train_batch_start(self, batch: Batch, batch_index: int) -> None:
        """Allow CUDA graphs to overwrite the outputs of the last step, and remember the batch's images."""
        self._begin_step()
        images = getattr(self.trainer.datamodule, "train_batch", ())  # type: ignore[attr-defined]
        self.finite.begin(self.current_epoch + 1, self.global_step + 1, images)

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        """Look at the gradients; raises DivergenceError."""
        scaler = getattr(self.trainer.precision_plugin, "scaler", None)
        self.finite.gradients(dict(self.named_parameters()), scaled=scaler is not None)

    def on_train_batch_end(self, outputs: Any, batch: Batch, batch_index: int) -> None:
        """Look at the weights after an epoch's last step, before a checkpoint is written; raises DivergenceError."""
        if self.trainer.is_last_batch:
            self._settle()

    def on_validation_start(self) -> None:
        """Look at the weights before they are validated, and perhaps kept as the best; raises DivergenceError."""
        if not self.trainer.sanity_checking:
            self._settle()

    def on_train_end(self) -> None:
        """Look at the weights of a training that ends within an epoch; raises DivergenceError."""
        self._settle()

    def _settle(self) -> None:
        self.finite.settle(dict(self.named_parameters()) | dict(self.network.named_buffers(prefix="network")))

    def _begin_step(self) -> None:
        if self.in_cuda_graphs:  # else it would load the compiler for nothing
            torch.compiler.cudagraph_mark_step_begin()

    def log_losses(self, kind: str, values: Mapping[str, Tensor]) -> None:
        """Log detached scalars as train/<kind>/<task>, copied from the device only when they are read."""
        logged = {f"train/{kind}/{name}": value.detach() for name, value in values.items()}
        self.log_dict(logged, on_step=True, on_epoch=True, batch_size=1, sync_dist=False)

    def validation_step(self, batch: Batch, batch_index: int) -> None:
        """Update the validation metrics."""
        self._update(self.val_metrics, batch)

    def test_step(self, batch: Batch, batch_index: int) -> None:
        """Update the test metrics."""
        self._update(self.test_metrics, batch)

    def on_validation_epoch_end(self) -> None:
        """Log val/<task>/<metric> over the whole split."""
        self._log_metrics(self.val_metrics, "val")

    def _score(self, primary_metrics: Mapping[str, Tensor]) -> Tensor:
        """Mean over tasks of the signed log of the primary metric: its differences are mean relative gains.

        A task without a valid pixel in the whole split has no value, and does not count.
        """
        signs = {name: 1 if task.higher_is_better[task.primary_metric] else -1 for name, task in self.tasks.items()}
        gains = torch.stack([signs[n] * value.clamp_min(1e-9).log() for n, value in primary_metrics.items()])
        return gains.nanmean()

    def on_test_epoch_end(self) -> None:
        """Log test/<task>/<metric> over the whole split."""
        self._log_metrics(self.test_metrics, "test")

    def _update(self, metrics: nn.ModuleDict, batch: Batch) -> None:
        self._begin_step()
        predictions = self(batch["image"])
        for name, metric in collections(metrics):
            metric.update(predictions[name].float(), batch[name])

    def _log_metrics(self, metrics: nn.ModuleDict, prefix: str) -> None:
        """Log all metrics under ``prefix`` and reset them; for validation also the score."""
        primary_metrics: dict[str, Tensor] = {}
        for name, metric in collections(metrics):
            values = {key: value.float() for key, value in metric.compute().items()}
            self.log_dict({f"{prefix}/{name}/{key}": value for key, value in values.items()})
            primary_metrics[name] = values[self.tasks[name].primary_metric]
            metric.reset()
        if prefix == "val":
            self.log("val/score", self._score(primary_metrics))


def collections(metrics: nn.ModuleDict) -> Iterator[tuple[str, MetricCollection]]:
    """Yield each task's metrics by its name."""
    for name, metric in metrics.items():
        assert isinstance(metric, MetricCollection)
        yield name, metric
