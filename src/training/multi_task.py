"""Training of a student: one multi-task network, its shared features aligned with each teacher's."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import torch
from rich.console import Console
from rich.progress import track
from torch import Tensor

from src.distillation.alignment import Alignment
from src.distillation.base import Distillation, DistillationOutput, TrainingImages, TrainingStep
from src.foundation.errors import UserError
from src.loss_weights.base import LossWeighting, Parameters
from src.training.base import Batch, DenseModule, ParameterGroup

NOTHING = DistillationOutput({})


class MultiTaskModule(DenseModule):
    """Minimises sum_t [w_t l_t + lambda_t sum_k d(A_t^k(phi_k), phi_k^t)] (Li and Bilen 2020).

    Args:
        weighting: gives w_t.
        distillation: None trains the plain multi-task baseline.
        **base: see DenseModule.
    """

    def __init__(self, weighting: LossWeighting, distillation: Distillation | None = None, **base: Any) -> None:
        super().__init__(**base)
        if distillation and distillation.include_in_weighting and weighting.parts > 1:
            raise UserError(
                "this loss weighting cannot weigh distillation losses",
                f"it needs a loss for each of {weighting.parts} parts of the batch, the alignment has one loss",
                "distillation.include_in_weighting=false, or another of loss_weights",
            )
        self.weighting = weighting
        self.distillation = distillation
        self._epochs_trained = 0.0

    @property
    def alignment(self) -> Alignment | None:
        """Adaptors and distance, where there is distillation."""
        return self.distillation.alignment if self.distillation else None

    def parameter_groups(self) -> list[ParameterGroup]:
        """Put learned loss weights, adaptors and networks that are trained beside the student into separate groups."""
        groups = super().parameter_groups()
        # decay of log-variances and log-scales would shift the balance of the losses
        undecayed = {"weight_decay": 0.0}
        groups.append(ParameterGroup("weighting", list(self.weighting.parameters()), self.schedule, undecayed))
        if self.distillation:
            training = self.distillation.adaptors
            groups.append(
                ParameterGroup(
                    "adaptors", self.distillation.auxiliary_parameters(), training.schedule, training.settings
                )
            )
            beside = self.distillation.network_parameters()
            networks = self.distillation.teacher_networks() if beside else []
            groups.append(ParameterGroup("single-task networks", beside, self.schedule, networks=networks))
        return [group for group in groups if group.parameters]

    def on_fit_start(self) -> None:
        """Prepare the distillation on the device."""
        if self.distillation:
            images = TrainingImages(len(self.trainer.datamodule.train_set), self._training_images)  # type: ignore[attr-defined]
            with self.trainer.precision_plugin.forward_context(), torch.compiler.set_stance("force_eager"):
                remark = self.distillation.start(self.device, images)
            if remark and self.trainer.is_global_zero:
                print(remark, flush=True)

    def on_train_batch_start(self, batch: Batch, batch_index: int) -> None:
        """Note how far the training has come, parts of an epoch included."""
        super().on_train_batch_start(batch, batch_index)
        self._epochs_trained = self.current_epoch + batch_index / self.trainer.num_training_batches

    def training_step(self, batch: Batch, batch_index: int) -> Tensor:
        """Return the weighted sum of task losses plus the distillation losses."""
        losses, distilled = self._losses(batch, self.distillation)
        means = {task: loss.mean() for task, loss in losses.items()}
        self.finite.losses("the loss of", means)
        self.finite.losses("the distillation loss of", distilled.losses)
        self.log_losses("loss", means)
        for kind, values in distilled.logged.items():
            self.log_losses(kind, values)
        self._steps_before, self._task_weights = self.global_step, distilled.task_weights
        weighed, others = self._split(losses, distilled)
        total = torch.stack([self._weighted_sum(weighed), *others.values()]).sum()
        total = total if distilled.auxiliary_loss is None else total + distilled.auxiliary_loss
        self.finite.losses("the sum of", {"all weighted losses": total})
        return total

    def on_train_batch_end(self, outputs: Any, batch: Batch, batch_index: int) -> None:
        """Pass the losses after an optimiser's step to a weighting that learns from them."""
        super().on_train_batch_end(outputs, batch, batch_index)
        if self.weighting.needs_losses_after_step and self.global_step > self._steps_before:
            included = self.distillation is not None and self.distillation.include_in_weighting
            with torch.no_grad(), self.trainer.precision_plugin.forward_context():
                losses, distilled = self._losses(batch, self.distillation if included else None)
                weighed, _ = self._split(losses, replace(distilled, task_weights=self._task_weights))
            self.weighting.after_step(torch.stack(list(weighed.values())))

    def on_train_epoch_end(self) -> None:
        """End the epoch of the loss weighting and of the distillation."""
        self.weighting.end_epoch()
        if self.distillation:
            self.distillation.end_epoch()

    def _training_images(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield index (N) and images (N, 3, H, W) on the device, with a progress bar in a terminal."""
        data = self.trainer.datamodule  # type: ignore[attr-defined]
        batches = -(-len(data.train_indices) // data.batch_size)
        title = "teachers run on the training images"
        quiet = not self.trainer.is_global_zero or not Console().is_terminal
        for index, image in track(data.training_images(), title, batches, disable=quiet, transient=True):
            yield index.to(self.device), image.to(self.device)

    def _losses(self, batch: Batch, distillation: Distillation | None) -> tuple[dict[str, Tensor], DistillationOutput]:
        """Compute task losses, scalars or one for each part of the batch (parts), and the distillation's output."""
        image = batch["image"]
        features = self.network.features(image)
        raw = self.network.predict(features, (image.shape[-2], image.shape[-1]))
        losses = self._losses_by_part(raw, batch) if self.weighting.parts > 1 else self.task_losses(raw, batch)
        if distillation is None:
            return losses, NOTHING
        means = {task: loss.mean() for task, loss in losses.items()}
        output: DistillationOutput = distillation(TrainingStep(batch, features, raw, means, self._epochs_trained))
        return losses, output

    def _losses_by_part(self, raw: Mapping[str, Tensor], batch: Batch) -> dict[str, Tensor]:
        """Compute each task's losses (parts), one for each part of the batch."""
        parts = self.weighting.parts
        if len(batch["image"]) < parts:
            raise UserError(
                f"this loss weighting needs at least {parts} images in a batch",
                "it compares the task gradients of the batch's parts",
                f"dataset.batch_size={parts}, or another of loss_weights",
            )
        cut = [{name: value.tensor_split(parts)[i] for name, value in batch.items()} for i in range(parts)]
        cut_raw = [{name: value.tensor_split(parts)[i] for name, value in raw.items()} for i in range(parts)]
        by_part = [self.task_losses(r, b) for r, b in zip(cut_raw, cut, strict=True)]
        return {task: torch.stack([losses[task] for losses in by_part]) for task in self.tasks}

    def _split(
        self, losses: dict[str, Tensor], distilled: DistillationOutput
    ) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Return the losses that the weighting weighs, and the distillation losses that are added as they are."""
        weighed = {task: distilled.task_weights.get(task, 1.0) * loss for task, loss in losses.items()}
        others = dict(distilled.losses)
        if self.distillation and self.distillation.include_in_weighting:
            weighed = {task: loss + others.pop(task, 0.0) for task, loss in weighed.items()}
        return weighed, others

    def _weighted_sum(self, losses: Mapping[str, Tensor]) -> Tensor:
        """Combine losses by the loss weighting, and log its weights."""
        with torch.autocast(self.device.type, enabled=False):  # products of gradients need float32
            try:
                total = self.weighting.combine(torch.stack(list(losses.values())).float(), self._trained())
            except Exception:
                self.finite.read_all()  # a solver fails at what is not finite in words of its own
                raise
        weights = self.weighting.weights()
        if weights is not None:
            self.log_dict(
                {f"train/weight/{task}": weight for task, weight in zip(losses, weights, strict=True)},
                on_step=False, on_epoch=True, batch_size=1,
            )  # fmt: skip
        return total

    def _trained(self) -> Parameters:
        shared, task_specific = self.network.shared_and_task_parameters()
        auxiliary = self.distillation.auxiliary_parameters() if self.distillation else []
        return Parameters(shared, [*task_specific, *auxiliary], self.network.last_shared_layer())
