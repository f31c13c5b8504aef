"""An exponential moving average of a network's weights, which is what is evaluated and kept."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.trainer.states import TrainerFn
from torch import Tensor

from src.training.base import DenseModule

TRAINED = "trained_network"
"""The key of a checkpoint that holds the weights as the optimiser left them, beside the average in ``state_dict``."""
PREFIX = "network."


class WeightAverage(pl.Callback):
    """Averages the network's parameters and BatchNorm statistics after each step of the optimiser.

    Step n (from 1) moves the average by 1 - min(decay, (1 + n) / (10 + n)) of the way to the new weights, so that it
    forgets the first ones (as TensorFlow's ExponentialMovingAverage with num_updates does). Validation, pictures, the
    test, checkpoints' ``state_dict`` and the network after training hold the average.

    Args:
        decay: share of the average that a step keeps, once training is long.
    """

    def __init__(self, decay: float) -> None:
        self.decay = decay
        self.other: dict[str, Tensor] = {}
        """The average, or while it stands in the network the weights that are trained; empty but in training."""
        self.steps = 0
        self.swapped = False

    def on_fit_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Begin with the network's weights, or go on with those of a checkpoint, on its device."""
        own = _state(module)
        self.other = {name: self.other.get(name, value).to(value.device, copy=True) for name, value in own.items()}
        self.swapped = False

    def on_train_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Remember the steps that were taken before."""
        self.steps = trainer.global_step

    @torch.no_grad()
    def on_train_batch_end(self, trainer: pl.Trainer, module: pl.LightningModule, *args: Any) -> None:
        """Move the average, if the batch ended a step of the optimiser."""
        if trainer.global_step == self.steps:
            return
        self.steps = trainer.global_step
        keep = min(self.decay, (1 + self.steps) / (10 + self.steps))
        own = _state(module)
        averaged = [name for name, value in own.items() if value.is_floating_point()]
        torch._foreach_lerp_([self.other[name] for name in averaged], [own[name] for name in averaged], 1 - keep)
        for name in own.keys() - set(averaged):  # counts of batches
            self.other[name].copy_(own[name])

    def on_validation_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Put the average into the network."""
        if self.other:
            self._swap(module)

    def on_validation_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Put the trained weights back, before a checkpoint is written."""
        if self.other and self.swapped:
            self._swap(module)

    def on_train_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Leave the average in the network."""
        self._hand_over(module)

    def on_exception(self, trainer: pl.Trainer, module: pl.LightningModule, exception: BaseException) -> None:
        """Leave the average in the network, whose weights may be kept."""
        self._hand_over(module)

    def on_save_checkpoint(self, trainer: pl.Trainer, module: pl.LightningModule, checkpoint: dict[str, Any]) -> None:
        """Put the average where weights are looked for, and the trained weights beside it."""
        if not self.other:
            return
        present, other = _state(module), self.other
        trained, average = (other, present) if self.swapped else (present, other)
        state = checkpoint["state_dict"]
        checkpoint["state_dict"] = state | {f"{PREFIX}{name}": value for name, value in average.items()}
        checkpoint[TRAINED] = dict(trained)

    def on_load_checkpoint(self, trainer: pl.Trainer, module: pl.LightningModule, checkpoint: dict[str, Any]) -> None:
        """Take the average from a checkpoint that training goes on from, and the trained weights into the network."""
        trained = checkpoint.get(TRAINED)
        if trained is None or trainer.state.fn != TrainerFn.FITTING:  # a test evaluates the average
            return
        self.other = {name: value.clone() for name, value in _state(module).items()}
        _load(module, trained)

    @contextmanager
    def in_network(self, module: pl.LightningModule) -> Iterator[None]:
        """Have the average in the network for a while."""
        needed = bool(self.other) and not self.swapped
        if needed:
            self._swap(module)
        try:
            yield
        finally:
            if needed:
                self._swap(module)

    def _hand_over(self, module: pl.LightningModule) -> None:
        if self.other and not self.swapped:
            self._swap(module)
        self.other = {}

    def _swap(self, module: pl.LightningModule) -> None:
        present = {name: value.clone() for name, value in _state(module).items()}
        _load(module, self.other)
        self.other, self.swapped = present, not self.swapped


@contextmanager
def evaluated_weights(trainer: pl.Trainer, module: pl.LightningModule) -> Iterator[None]:
    """Have the weights that are evaluated in the network: the average where there is one, else the present ones."""
    callbacks: list[pl.Callback] = trainer.callbacks  # type: ignore[attr-defined]
    average = next((each for each in callbacks if isinstance(each, WeightAverage)), WeightAverage(0.0))
    with average.in_network(module):
        yield


def _state(module: pl.LightningModule) -> dict[str, Tensor]:
    assert isinstance(module, DenseModule)
    return {name: value.detach() for name, value in module.network.state_dict().items()}


@torch.no_grad()
def _load(module: pl.LightningModule, state: Mapping[str, Tensor]) -> None:
    """Copy into the network in place, where the optimiser and compiled code look."""
    for name, value in _state(module).items():
        value.copy_(state[name])
