"""Online distillation: single-task networks are trained together with the student that is aligned with them.

After Jacob, Agarwal and Stenger, "Online Knowledge Distillation for Multi-Task Learning" (WACV 2023).
"""

from collections.abc import Mapping
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor, nn

from src.distillation.base import REGIMES, Distillation, DistillationOutput, TrainingStep, Traits
from src.distillation.levels import read_levels
from src.distillation.pull import Pull
from src.distillation.setup import (
    AdaptorOptimiser,
    AdaptorSchedule,
    AdaptorWarmup,
    IncludeInWeighting,
    Inverted,
    Ladder,
    Lambdas,
    LevelList,
    PullFadeIn,
    Setup,
    refuse_idle_teachers,
)
from src.foundation.ranks import mean_over_ranks
from src.models.base import Features, MultiTaskNetwork
from src.tasks.base import Task

TaskWeightTemperature = Annotated[
    float, Field(gt=0, description="of the task weights: large values weigh all tasks alike")
]


@REGIMES.register(
    # a static graph led to other weights than a dynamic one
    traits=Traits(needs_trained_teachers=False, aligns_features=True, trains_networks=True, static_graph=False)
)
def online(
    setup: Setup,
    levels: LevelList,
    weights: Lambdas,
    adaptor_optimiser: AdaptorOptimiser,
    adaptor_schedule: AdaptorSchedule,
    ladder: Ladder = False,
    inverted: Inverted = False,
    fade_in: PullFadeIn = 0.0,
    adaptor_warmup: AdaptorWarmup = 0.0,
    task_weight_temperature: TaskWeightTemperature = 1.0,
    include_in_weighting: IncludeInWeighting = False,
) -> "OnlineDistillation":
    """Train a single-task network per task beside the student; raises UserError where no level is aligned."""
    networks = {name: setup.build_network({name: task}) for name, task in setup.tasks.items()}
    pairs = read_levels(levels)
    refuse_idle_teachers(list(networks) if pairs else [], list(networks))
    return OnlineDistillation(
        networks,
        setup.tasks,
        task_weight_temperature,
        alignment=setup.alignment(networks, dict.fromkeys(networks, pairs), ladder=ladder, inverted=inverted),
        weights=weights,
        adaptors=adaptor_optimiser.training(adaptor_schedule),
        include_in_weighting=include_in_weighting,
        pull=Pull(fade_in, adaptor_warmup),
    )


class OnlineDistillation(Distillation):
    """Aligns the student's features with those of single-task networks that are trained on the same batches.

    Adaptive feature distillation: the distance at each level has a learned share of its task's loss, a softmax over
    levels, so that a task chooses the levels that it trains. Online task weighting: a task's loss is weighted by how
    far the student is behind the task's own network, softmax over tasks of (its loss / that network's loss) / tau.

    Args:
        networks: one single-task network per task.
        tasks: the tasks.
        tau: temperature of the task weights; large values weigh all tasks alike.
        **base: see Distillation.
    """

    def __init__(
        self, networks: Mapping[str, MultiTaskNetwork], tasks: Mapping[str, Task], tau: float = 1.0, **base: Any
    ) -> None:
        super().__init__(**base)
        self.single_task_networks = nn.ModuleDict(networks)
        self.tasks, self.tau = dict(tasks), tau
        compared = {name: len(self.alignment.compared(name)) for name in tasks}
        self.shares = nn.ParameterDict({name: nn.Parameter(torch.zeros(count)) for name, count in compared.items()})

    def forward(self, step: TrainingStep) -> DistillationOutput:
        """Compute the single-task networks' losses and the student's alignment with their features."""
        image = step.batch["image"]
        features = {name: network.features(image) for name, network in self.single_task_networks.items()}  # type: ignore[operator]
        losses = {name: self._loss(name, features[name], step) for name in self.tasks}
        seen = {name: {level: x.detach() for level, x in levels.items()} for name, levels in features.items()}
        distances = self.alignment.distances(self.pulled_features(step), seen)
        mixed = {name: self._mix(name, list(d.values())) for name, d in distances.items()}
        weighted = {name: self.weights.get(name, 1.0) * value for name, value in mixed.items()}
        task_weights = self._task_weights(step.losses, losses)
        aligned = {name: torch.stack(list(d.values())).sum() for name, d in distances.items()}
        logged = {
            "align": aligned,
            "single_loss": losses,
            "task_weight": task_weights,
            **self._shares_shown(),
        } | self.logged_pull(step)
        return DistillationOutput(weighted, logged, torch.stack(list(losses.values())).sum(), task_weights)

    @torch.no_grad()
    def teacher_features(self, image: Tensor) -> dict[str, Features]:
        """Map images (N, 3, H, W) to the features of the single-task networks as they are now."""
        return {name: network.features(image) for name, network in self.single_task_networks.items()}  # type: ignore[operator]

    def auxiliary_parameters(self) -> list[nn.Parameter]:
        """List adaptors and the shares of levels."""
        return [*super().auxiliary_parameters(), *self.shares.parameters()]

    def teacher_networks(self) -> list[MultiTaskNetwork]:
        """List the single-task networks."""
        return [network for network in self.single_task_networks.values() if isinstance(network, MultiTaskNetwork)]

    def network_parameters(self) -> list[nn.Parameter]:
        """List the trained parameters of the single-task networks."""
        return [p for p in self.single_task_networks.parameters() if p.requires_grad]

    def _loss(self, name: str, features: Features, step: TrainingStep) -> Tensor:
        network = self.single_task_networks[name]
        assert isinstance(network, MultiTaskNetwork)
        size = step.batch["image"].shape[-2:]
        return self.tasks[name].loss(network.predict(features, (size[0], size[1]))[name], step.batch[name])

    def _mix(self, name: str, distances: list[Tensor]) -> Tensor:
        """Weigh the distances of a task's levels by its shares, which sum to their number."""
        return len(distances) * (self.shares[name].softmax(0) * torch.stack(distances)).sum()

    def _task_weights(self, student: Mapping[str, Tensor], single: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Weigh tasks so that the weights sum to their number; a task without labels in the batch has ratio 1."""
        behind = torch.stack([student[name].detach() for name in self.tasks])
        reference = torch.stack([single[name].detach() for name in self.tasks])
        ratios = mean_over_ranks(torch.where(reference > 0, behind / reference.clamp_min(1e-8), 1.0))
        weights = len(self.tasks) * (ratios / self.tau).softmax(0)
        return dict(zip(self.tasks, weights, strict=True))

    def _shares_shown(self) -> dict[str, dict[str, Tensor]]:
        """Return, for the log, each task's shares of its levels, a scalar per ``<task>/<level>``."""
        shown: dict[str, Tensor] = {}
        for name, share in self.shares.items():
            levels = self.alignment.compared(name)
            shown |= {f"{name}/{level}": value for level, value in zip(levels, share.softmax(0), strict=True)}
        return {"level_share": shown}
