"""How large every loss weighting is beside the plain sum of the losses.

python -m src.benchmarking.weighting_sizes dataset=rooms trainer.max_epochs=8

A multi-task network is trained on the plain sum, for ten steps an epoch. In each step every weighting gets the same
losses and task gradients, and what it would give the trunk is compared, in norm, with the plain sum's gradient. What
weightings remember or learn goes on from step to step.
"""

import sys
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from src.app.assemble import assemble
from src.app.conf import option, options
from src.benchmarking.subject import composed_training, overrides_of
from src.foundation.errors import UserError
from src.loss_weights.base import LOSS_WEIGHTS, LossWeighting, Parameters
from src.models.gradients import loss_gradients
from src.training.multi_task import MultiTaskModule

STEPS = 10
"""Steps in an epoch."""
LAST = 3
"""Epochs at the end over which sizes are averaged; by then STCH has its nadir."""


class Sizes(LossWeighting):
    """The plain sum of losses, that measures other weightings on the way.

    Args:
        tasks: names of the tasks.
        learning_rate: of Adam, which trains the parameters of those that learn.
    """

    autograd_passes = True
    needs_losses_after_step = True
    parts = 2

    def __init__(self, tasks: Sequence[str], learning_rate: float) -> None:
        super().__init__(tasks)
        self.measured = dict(available(tasks))
        self.optimisers = {
            name: torch.optim.Adam(weighting.parameters(), lr=learning_rate)
            for name, weighting in self.measured.items()
            if list(weighting.parameters())
        }
        self.seen: dict[str, list[float]] = defaultdict(list)

    def combine(self, losses: Tensor, parameters: Parameters) -> Tensor:
        """Measure the weightings on losses (T, 2) and return their plain sum."""
        jacobian = loss_gradients(losses.flatten(), parameters.shared)[0]
        plain = jacobian.sum(dim=0).norm() / self.parts
        layer = next(i for i, p in enumerate(parameters.shared) if p is parameters.last_layer)
        for name, weighting in self.measured.items():
            self.seen[name].append((self._norm(name, weighting, losses, jacobian, parameters, layer) / plain).item())
        return losses.mean(dim=1).sum()

    def _norm(
        self, name: str, weighting: LossWeighting, losses: Tensor, jacobian: Tensor, parameters: Parameters, layer: int
    ) -> Tensor:
        """Return the norm of a weighting's trunk gradient, by linear losses with the same values and gradients."""
        moves = [torch.zeros_like(p, requires_grad=True) for p in parameters.shared]
        linear = losses.detach() + (jacobian @ torch.cat([m.flatten() for m in moves])).view_as(losses)
        linear = linear if weighting.parts > 1 else linear.mean(dim=1)
        total = weighting.combine(linear, Parameters(moves, [], moves[layer]))
        weighting.zero_grad()
        total.backward()
        if name in self.optimisers:
            self.optimisers[name].step()
        return torch.cat([m.grad.flatten() for m in moves if m.grad is not None]).norm()

    def after_step(self, losses: Tensor) -> None:
        """Pass on the losses (T, 2) after a step of the network."""
        for weighting in self.measured.values():
            if weighting.needs_losses_after_step:
                weighting.after_step(losses.mean(dim=1))

    def end_epoch(self) -> None:
        """Pass on the end of an epoch."""
        for weighting in self.measured.values():
            weighting.end_epoch()


def available(tasks: Sequence[str]) -> list[tuple[str, LossWeighting]]:
    """Build every option of loss_weights whose packages are installed."""
    found = []
    for name in options("loss_weights"):
        values: dict[str, Any] = option("loss_weights", name) or {}
        try:
            found.append((name, LOSS_WEIGHTS.build(values, list(tasks))))
        except UserError as error:
            print(f"left out: {name} ({error.why})", file=sys.stderr)
    return found


def measure(overrides: Sequence[str]) -> Sizes:
    """Train a multi-task network under ``overrides`` on the plain sum, and return what was measured."""
    config, values = composed_training("multi-task", overrides_of("multi-task", overrides))
    assembled = assemble(config, values, overrides)
    module = assembled.module
    assert isinstance(module, MultiTaskModule)
    module.weighting = sizes = Sizes(list(module.tasks), config.optimiser.get("lr", 1e-3))
    pl.Trainer(
        accelerator=config.trainer.accelerator,
        devices=1,
        max_epochs=config.trainer.max_epochs,
        limit_train_batches=STEPS,
        limit_val_batches=0,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    ).fit(module, assembled.data)
    return sizes


def table(sizes: Sizes) -> str:
    """Format what was measured as a table in Markdown."""
    rows = ["| `loss_weights` | first step | mean of the last epochs | least | most |", "|---|---|---|---|---|"]
    for name, seen in sizes.seen.items():
        last = seen[-LAST * STEPS :]
        numbers = " | ".join(f"{value:.2f}" for value in (seen[0], sum(last) / len(last), min(last), max(last)))
        rows.append(f"| `{name}` | {numbers} |")
    return "\n".join(rows)


if __name__ == "__main__":
    try:
        print(table(measure(sys.argv[1:])))
    except UserError as error:
        sys.exit(f"error: {error}")
