"""A shared trunk with named feature levels, and one head per task."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping
from typing import Any

from torch import Tensor, nn
from torch.nn import functional

from src.foundation.errors import UserError
from src.foundation.registry import Registry
from src.models.input_statistics import IMAGENET, InputStatistics, Renormalise

MODELS = Registry("model", "src.models", given=("outputs",))
"""Functions from ``outputs``, the channels of each task's head, to a MultiTaskNetwork."""

Features = dict[str, Tensor]
"""Features by level; where each task has a feature of its own at a level, by ``task_level(level, task)`` instead."""
BuildHead = Callable[[int, int], nn.Module]

FINE_TUNING = ("freeze", "drop_path", "lora_rank", "lora_alpha", "lora_layers")
"""Options of every network that say how it is trained, not what it is: weights fit with and without them."""


def task_level(level: str, task: str) -> str:
    """Name the feature at ``level`` that only ``task`` uses."""
    return f"{level}/{task}"


def feature_of(features: Features, level: str, task: str) -> Tensor:
    """Return the feature at ``level`` that serves ``task``: its own where it has one, else the shared one."""
    mine = task_level(level, task)
    if mine not in features and level not in features:
        raise UserError(
            f"there is no feature at level '{level}' for '{task}'",
            "in this network every task has features of its own, and nothing is shared by all",
            "name teachers by tasks, or choose a network with a shared trunk",
        )
    return features[mine] if mine in features else features[level]


class Trunk(nn.Module, ABC):
    """Shared layers that give a feature per named level, in the order in which they are computed."""

    channels: dict[str, int]
    """Channels of each level; the last level feeds the heads."""
    divisor: int
    """Height and width of an image must be multiples of this."""
    only_size: tuple[int, int] | None = None
    """The height and width that images must have, where no others pass."""

    @abstractmethod
    def forward(self, image: Tensor, until: str | None = None) -> Features:
        """Map images (N, 3, H, W) to features by level name, computing nothing beyond ``until``."""

    def shared(self) -> nn.Module:
        """Return the part that all tasks use."""
        return self

    def last_stage(self) -> nn.Module:
        """Return the shared part that computes the last level."""
        return self.shared()

    def backbone(self) -> nn.Module | None:
        """Return the part that weights from elsewhere may fit, such as an encoder; None where there is none."""
        return None


class MultiTaskNetwork(nn.Module):
    """A trunk with one head per task; a single-task network is one with a single head.

    Args:
        trunk: the shared layers.
        outputs: channels of each task's head.
        build_head: builds a head from the channels of the last level and of its output.
        statistics: mean and deviation of the pictures that the trunk takes.
    """

    weights_read: str = ""
    """What was read of a file of weights, for people; nothing where none was."""

    def __init__(
        self, trunk: Trunk, outputs: Mapping[str, int], build_head: BuildHead, statistics: InputStatistics = IMAGENET
    ) -> None:
        super().__init__()
        self.trunk = trunk
        self.set_input_statistics(statistics)
        self.outputs = dict(outputs)
        width = trunk.channels[self.last_level]
        self.heads = nn.ModuleDict({task: build_head(width, channels) for task, channels in outputs.items()})
        self.frozen: list[nn.Module] = []
        """Parts of the network that stay in eval mode."""

    def train(self, mode: bool = True) -> "MultiTaskNetwork":
        """Set the mode of all but the frozen parts, whose BatchNorm keeps the statistics that it has."""
        super().train(mode)
        for part in self.frozen:
            part.eval()
        return self

    @property
    def input_statistics(self) -> InputStatistics:
        """Mean and deviation of the pictures that the trunk takes; those of the images that the network is given are
        ImageNet's."""
        return self._statistics

    def set_input_statistics(self, statistics: InputStatistics) -> None:
        """Let the trunk take pictures of other mean and deviation; the network is given the same images as before."""
        self._statistics = statistics
        self.entrance = nn.Identity() if statistics == IMAGENET else Renormalise(statistics)

    @property
    def last_level(self) -> str:
        """The level that feeds the heads."""
        return list(self.trunk.channels)[-1]

    def check_level(self, level: str) -> None:
        """Raise UserError unless the trunk has ``level``."""
        if level not in self.trunk.channels:
            known = ", ".join(self.trunk.channels)
            raise UserError(f"the network has no feature level '{level}'", f"its levels are {known}")

    def check_size(self, size: tuple[int, int], who: str = "this network", mend: str = "dataset.size=[{}]") -> None:
        """Raise UserError unless images of ``size`` (H, W) pass the trunk without cropping.

        Args:
            size: height and width.
            who: what the message calls this network.
            mend: what mends it; ``{}`` becomes the next larger size that fits.
        """
        only = self.trunk.only_size
        if only and size != only:
            raise UserError(
                f"images of {size[0]}x{size[1]} do not fit {who}",
                f"its backbone takes {only[0]}x{only[1]} and nothing else",
                f"{mend.format(f'{only[0]},{only[1]}')}; or img_size: [{size[0]},{size[1]}] in the network's options",
            )
        if any(length % self.trunk.divisor for length in size):
            larger = ",".join(str(-(-length // self.trunk.divisor) * self.trunk.divisor) for length in size)
            raise UserError(
                f"images of {size[0]}x{size[1]} do not fit {who}",
                f"height and width must be multiples of {self.trunk.divisor}",
                mend.format(larger),
            )

    def features(self, image: Tensor, until: str | None = None) -> Features:
        """Map images (N, 3, H, W), normalised by ImageNet's statistics whatever the trunk takes, to its features.

        By level, up to and including level ``until``.

        Raises:
            UserError: a batch that leaves a BatchNorm one value per channel to train on.
        """
        try:
            return self.trunk(self.entrance(image), until)
        except ValueError as error:
            if "more than 1 value per channel" not in str(error):
                raise
            raise UserError(
                f"a batch of {len(image)} image of {image.shape[-2]}x{image.shape[-1]} is too small for this network",
                "a BatchNorm in it normalises a feature of 1x1, and needs two values per channel to train on",
                "dataset.batch_size=2 (and no single image left over), or larger images",
            ) from error

    def predict(
        self, features: Features, size: tuple[int, int], tasks: Collection[str] | None = None
    ) -> dict[str, Tensor]:
        """Map trunk features to one raw output (N, channels, *size) for each of ``tasks``, or for all."""
        heads = {task: head for task, head in self.heads.items() if tasks is None or task in tasks}
        return {t: _resize(head(feature_of(features, self.last_level, t)), size) for t, head in heads.items()}

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """Map images (N, 3, H, W) to one raw output (N, channels, H, W) per task."""
        return self.predict(self.features(image), (image.shape[-2], image.shape[-1]))

    def shared_and_task_parameters(self) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
        """List the trained parameters that all tasks use, and the others."""
        shared = [p for p in self.trunk.shared().parameters() if p.requires_grad]
        known = set(map(id, shared))
        return shared, [p for p in self.parameters() if p.requires_grad and id(p) not in known]

    def last_shared_layer(self) -> Tensor:
        """The weight of the last layer with a matrix or kernel that all tasks use: GradNorm compares its gradients."""
        kinds = nn.Conv2d | nn.ConvTranspose2d | nn.Linear
        layers = [m.weight for m in self.trunk.last_stage().modules() if isinstance(m, kinds)]
        return next((weight for weight in reversed(layers) if weight.requires_grad), layers[-1])


def build_network(model: Mapping[str, Any], outputs: Mapping[str, int], pretrained: bool = True) -> MultiTaskNetwork:
    """Build the network that the configuration ``model`` describes, with a head of so many channels for each task.

    Args:
        model: ``_target_`` and the options of a registered network.
        outputs: channels of each task's head.
        pretrained: whether weights that ``model`` names are loaded, and options of fine-tuning hold; not where other
            weights replace them at once.
    """
    if not pretrained:
        model = {key: value for key, value in model.items() if key not in FINE_TUNING}
        if "weights" in MODELS.options(model):
            model = {**model, "weights": None}
    network: MultiTaskNetwork = MODELS.build(model, outputs)
    return network


def _resize(output: Tensor, size: tuple[int, int]) -> Tensor:
    if output.shape[-2:] == size:
        return output
    return functional.interpolate(output, size=size, mode="bilinear", align_corners=False)
