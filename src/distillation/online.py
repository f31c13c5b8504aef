"""Online distillation: single-task networks learn at the same time as the student that follows them.

After Jacob, Agarwal and Stenger, "Online Knowledge Distillation for Multi-Task Learning" (WACV 2023).
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from src.balancing.base import mean_over_ranks
from src.distillation.base import Distillation, Guidance, TrainingImages, TrainingStep
from src.models.base import Features, MultiTaskNetwork
from src.tasks.base import Task


class Online(Distillation):
    """Pulls the student towards single-task networks that are trained on the same batches.

    Adaptive feature distillation: the distance at each level has a learned share of its task's pull, a softmax over
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
        self.singles = nn.ModuleDict(networks)
        self.tasks, self.tau = dict(tasks), tau
        compared = {name: len(self.alignment.compared(name)) for name in tasks}
        self.shares = nn.ParameterDict({name: nn.Parameter(torch.zeros(count)) for name, count in compared.items()})

    def guide(self, step: TrainingStep) -> Guidance:
        """Train the single-task networks, and pull the student towards what they see at this step."""
        image = step.batch["image"]
        features = {name: network.features(image) for name, network in self.singles.items()}  # type: ignore[operator]
        losses = {name: self._loss(name, features[name], step) for name in self.tasks}
        seen = {name: {level: x.detach() for level, x in levels.items()} for name, levels in features.items()}
        distances = self.alignment.distances(step.features, seen)
        mixed = {name: self._mix(name, list(d.values())) for name, d in distances.items()}
        pulls = {name: self.weights.get(name, 1.0) * value for name, value in mixed.items()}
        factors = self._task_weights(step.losses, losses)
        aligned = {name: torch.stack(list(d.values())).sum() for name, d in distances.items()}
        logged = {"align": aligned, "single_loss": losses, "task_weight": factors, **self._shares_shown()}
        return Guidance(pulls, logged, torch.stack(list(losses.values())).sum(), factors)

    @torch.no_grad()
    def teacher_features(self, image: Tensor) -> dict[str, Features]:
        """Map images (N, 3, H, W) to the features of the single-task networks as they are now."""
        return {name: network.features(image) for name, network in self.singles.items()}  # type: ignore[operator]

    def helpers(self) -> list[nn.Parameter]:
        """List adaptors and the shares of levels."""
        return [*super().helpers(), *self.shares.parameters()]

    def teaching(self) -> list[MultiTaskNetwork]:
        """List the single-task networks."""
        return [network for network in self.singles.values() if isinstance(network, MultiTaskNetwork)]

    def networks(self) -> list[nn.Parameter]:
        """List the parameters of the single-task networks."""
        return list(self.singles.parameters())

    def start(self, device: torch.device, images: TrainingImages) -> str:
        """Lay the networks' weights out as the student's are."""
        self.singles.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return ""

    def _loss(self, name: str, features: Features, step: TrainingStep) -> Tensor:
        network = self.singles[name]
        assert isinstance(network, MultiTaskNetwork)
        size = step.batch["image"].shape[-2:]
        return self.tasks[name].loss(network.predict(features, (size[0], size[1]))[name], step.batch[name])

    def _mix(self, name: str, distances: list[Tensor]) -> Tensor:
        """Weigh the distances of a task's levels by its shares, which sum to their number."""
        return len(distances) * (self.shares[name].softmax(0) * torch.stack(distances)).sum()

    def _task_weights(self, student: Mapping[str, Tensor], single: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Weigh tasks so that the weights sum to their number; a task without labels in the batch counts as even."""
        behind = torch.stack([student[name].detach() for name in self.tasks])
        reference = torch.stack([single[name].detach() for name in self.tasks])
        ratios = mean_over_ranks(torch.where(reference > 0, behind / reference.clamp_min(1e-8), 1.0))
        weights = len(self.tasks) * (ratios / self.tau).softmax(0)
        return dict(zip(self.tasks, weights, strict=True))

    def _shares_shown(self) -> dict[str, dict[str, Tensor]]:
        shown: dict[str, Tensor] = {}
        for name, share in self.shares.items():
            levels = self.alignment.compared(name)
            shown |= {f"{name}/{level}": value for level, value in zip(levels, share.softmax(0), strict=True)}
        return {"level_share": shown}
