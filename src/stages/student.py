"""The student stage: one multi-task network, its shared features aligned with each teacher's."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import torch
from rich.console import Console
from rich.progress import track
from torch import Tensor

from src.balancing.base import LossWeighting, Parameters
from src.distillation.alignment import Alignment
from src.distillation.base import Distillation, Guidance, TrainingImages, TrainingStep
from src.errors import UserError
from src.stages.base import Batch, DenseStage, ParameterGroup

NOTHING = Guidance({})


class StudentStage(DenseStage):
    """Minimises sum_t [w_t l_t + lambda_t sum_k d(A_t^k(phi_k), phi_k^t)] (Li and Bilen 2020).

    Args:
        weighting: gives w_t.
        distillation: None trains the plain multi-task baseline.
        **base: see DenseStage.
    """

    def __init__(self, weighting: LossWeighting, distillation: Distillation | None = None, **base: Any) -> None:
        super().__init__(**base)
        if distillation and distillation.balanced and weighting.parts > 1:
            raise UserError(
                "this loss weighting cannot balance alignment losses",
                f"it needs losses of {weighting.parts} parts of the batch apart, the alignment has one of the whole",
                "distillation.balanced=false, or another of loss_weights",
            )
        self.weighting = weighting
        self.distillation = distillation

    @property
    def alignment(self) -> Alignment | None:
        """Adaptors and distance, where there is distillation."""
        return self.distillation.alignment if self.distillation else None

    def parameter_groups(self) -> list[ParameterGroup]:
        """Give learned loss weights, adaptors and networks that learn beside the student groups of their own."""
        groups = super().parameter_groups()
        groups.append(ParameterGroup("weighting", list(self.weighting.parameters()), self.schedule))
        if self.distillation:
            training = self.distillation.adaptors
            groups.append(ParameterGroup("adaptors", self.distillation.helpers(), training.schedule, training.settings))
            groups.append(ParameterGroup("single-task networks", self.distillation.networks(), self.schedule))
        return [group for group in groups if group.parameters]

    def on_fit_start(self) -> None:
        """Get the distillation ready on the device."""
        if self.distillation:
            images = TrainingImages(len(self.trainer.datamodule.train_set), self._training_images)  # type: ignore[attr-defined]
            with self.trainer.precision_plugin.forward_context(), torch.compiler.set_stance("force_eager"):
                remark = self.distillation.start(self.device, images)
            if remark and self.trainer.is_global_zero:
                print(remark, flush=True)

    def training_step(self, batch: Batch, batch_index: int) -> Tensor:
        """Return the balanced sum of task losses plus what pulls the student to its teachers."""
        losses, guidance = self._losses(batch, self.distillation)
        self.log_losses("loss", {task: loss.mean() for task, loss in losses.items()})
        for kind, values in guidance.logged.items():
            self.log_losses(kind, values)
        self._steps_before, self._factors = self.global_step, guidance.factors
        seen, beside = self._seen(losses, guidance)
        total = torch.stack([self._balanced(seen), *beside.values()]).sum()
        return total if guidance.own is None else total + guidance.own

    def on_train_batch_end(self, outputs: Any, batch: Batch, batch_index: int) -> None:
        """Show the losses after an optimiser's step to a weighting that learns from them."""
        if self.weighting.needs_losses_after_step and self.global_step > self._steps_before:
            distillation = self.distillation if self.distillation and self.distillation.balanced else None
            with torch.no_grad(), self.trainer.precision_plugin.forward_context():
                losses, guidance = self._losses(batch, distillation)
                seen, _ = self._seen(losses, replace(guidance, factors=self._factors))
            self.weighting.after_step(torch.stack(list(seen.values())))

    def on_train_epoch_end(self) -> None:
        """Let the weighting and the distillation close their epoch."""
        self.weighting.end_epoch()
        if self.distillation:
            self.distillation.end_epoch()

    def _training_images(self) -> Iterator[tuple[Tensor, Tensor]]:
        data = self.trainer.datamodule  # type: ignore[attr-defined]
        batches = -(-len(data.train_indices) // data.batch_size)
        said = "the teachers look at the training images"
        quiet = not self.trainer.is_global_zero or not Console().is_terminal
        for index, image in track(data.training_images(), said, batches, disable=quiet, transient=True):
            yield index.to(self.device), image.to(self.device)

    def _losses(self, batch: Batch, distillation: Distillation | None) -> tuple[dict[str, Tensor], Guidance]:
        """Task losses, scalars or one for each part of the batch (parts), and what the distillation adds."""
        image = batch["image"]
        features = self.network.features(image)
        raw = self.network.predict(features, (image.shape[-2], image.shape[-1]))
        losses = self._losses_by_part(raw, batch) if self.weighting.parts > 1 else self.task_losses(raw, batch)
        if distillation is None:
            return losses, NOTHING
        means = {task: loss.mean() for task, loss in losses.items()}
        return losses, distillation.guide(TrainingStep(batch, features, raw, means))

    def _losses_by_part(self, raw: Mapping[str, Tensor], batch: Batch) -> dict[str, Tensor]:
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

    def _seen(self, losses: dict[str, Tensor], guidance: Guidance) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """The losses that the weighting sees, and the pulls that are added beside them."""
        seen = {task: guidance.factors.get(task, 1.0) * loss for task, loss in losses.items()}
        beside = dict(guidance.pulls)
        if self.distillation and self.distillation.balanced:
            seen = {task: loss + beside.pop(task, 0.0) for task, loss in seen.items()}
        return seen, beside

    def _balanced(self, losses: Mapping[str, Tensor]) -> Tensor:
        with torch.autocast(self.device.type, enabled=False):  # products of gradients need float32
            total = self.weighting.combine(torch.stack(list(losses.values())).float(), self._trained())
        weights = self.weighting.weights()
        if weights is not None:
            self.log_dict(
                {f"train/weight/{task}": weight for task, weight in zip(losses, weights, strict=True)},
                on_step=False, on_epoch=True, batch_size=1,
            )  # fmt: skip
        return total

    def _trained(self) -> Parameters:
        shared, own = self.network.shared_and_own_parameters()
        helpers = self.distillation.helpers() if self.distillation else []
        return Parameters(shared, [*own, *helpers], self.network.last_shared_layer())
