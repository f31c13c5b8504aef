"""Training of a teacher: one single-task network, alone."""

from torch import Tensor

from src.training.base import Batch, DenseModule


class SingleTaskModule(DenseModule):
    """Trains a network with one head on its task's loss."""

    def training_step(self, batch: Batch, batch_index: int) -> Tensor:
        """Return the task's loss."""
        losses = self.task_losses(self.network(batch["image"]), batch)
        self.finite.losses("the loss of", losses)
        self.log_losses("loss", losses)
        return sum(losses.values(), next(iter(losses.values())).new_zeros(()))
