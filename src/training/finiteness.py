"""A run ends at the first loss or gradient that is not a finite number, without waiting for the device at each step."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn

from src.foundation.errors import UserError
from src.foundation.ranks import gathered_from_ranks, largest_over_ranks, rank

LAG = 16
"""Observations, some three of them a step, after which the host looks at one; by then the device is long past it."""
SKIPPED_IN_A_ROW = 25
"""Steps without a finite gradient after which fp16's scaler, which began at 2^16, cannot be what is to blame."""
KINDS = ("NaN", "infinite")


class DivergenceError(UserError):
    """A loss, gradient or parameter is not a finite number."""

    def __reduce__(self) -> tuple[type[UserError], tuple[str, str, str]]:
        """Pickle the three parts, so that the error passes between processes."""
        return DivergenceError, (self.what, self.why, self.mend)


@dataclass(frozen=True)
class Place:
    """An optimiser's step, epoch and step counted from 1, and the indices of its images on this process."""

    epoch: int
    step: int
    images: tuple[int, ...]


@dataclass(frozen=True)
class Observation:
    """Which of several named values are not finite, on its way to the host: 0 or 1 + kind + 2 * rank for each.

    ``of_one_rank``: whether they come from the batch of that process alone, not from those of all.
    """

    place: Place
    what: str
    names: Sequence[str]
    codes: Tensor
    copied: torch.cuda.Event | None
    of_one_rank: bool

    def read(self) -> np.ndarray:
        """Wait until the copy has arrived, and return it."""
        if self.copied is not None:
            self.copied.synchronize()
        return self.codes.numpy()


@dataclass
class FiniteWatch:
    """Looks at each step's losses, gradients and weights; all processes raise DivergenceError at the same step.

    On a CPU a value is looked at as soon as there is one. Elsewhere that would wait for the device at every step, so
    codes are copied to the host behind the step's other work and read ``LAG`` observations later; ``settle`` reads all.

    Args:
        lags: whether values are looked at later; None: on every device but a CPU.
        report: called with the error before it is raised.
        describe: names images by their indices.
    """

    lags: bool | None = None
    report: Callable[[DivergenceError], None] | None = None
    describe: Callable[[Sequence[int]], str] = str
    place: Place = Place(1, 1, ())
    waiting: deque[Observation] = field(default_factory=deque)
    skipped: Tensor | None = None

    def begin(self, epoch: int, step: int, images: Sequence[int]) -> None:
        """Begin a batch with ``images``; several batches may share an optimiser's step."""
        before = self.place.images if (epoch, step) == (self.place.epoch, self.place.step) else ()
        self.place = Place(epoch, step, (*before, *images))

    def losses(self, what: str, values: Mapping[str, Tensor]) -> None:
        """Look at scalars by name, such as ``the loss of`` each task."""
        if values:
            scalars = torch.stack([value.detach().float() for value in values.values()])
            self._observe(what, list(values), scalars, of_one_rank=True)

    def gradients(self, parameters: Mapping[str, nn.Parameter], scaled: bool) -> None:
        """Look at the gradients before an optimiser's step; ``scaled``: fp16's scaler skips steps, which may be."""
        found = {name: p.grad for name, p in parameters.items() if p.grad is not None and p.grad.numel()}
        if not found:
            return
        # the squares of float32 overflow beyond 1e19, and so do those in Adam, which would never move that weight again
        norms = torch.stack([norm.float() for norm in torch._foreach_norm(list(found.values()))])
        if not scaled:
            self._observe("the gradient of", list(found), norms)
            return
        bad = (~norms.isfinite()).any().float()
        self.skipped = bad if self.skipped is None else (self.skipped + 1) * bad
        never = self.skipped / (self.skipped < SKIPPED_IN_A_ROW).float()  # infinite from then on, NaN nowhere
        self._observe(f"for {SKIPPED_IN_A_ROW} steps in a row the gradient of", ["all parameters"], never[None])

    def settle(self, weights: Mapping[str, Tensor]) -> None:
        """Wait for all that was looked at, and look at ``weights``, where they are to be kept."""
        self.read_all()
        floating = {name: w.detach() for name, w in weights.items() if w.is_floating_point() and w.numel()}
        if floating:
            largest = torch.stack([weight.abs().amax().float() for weight in floating.values()])
            self._observe("the weight", list(floating), largest)
            self.read_all()

    def read_all(self) -> None:
        """Wait for all that was looked at; raises DivergenceError."""
        self._read(0)

    def _observe(self, what: str, names: Sequence[str], values: Tensor, of_one_rank: bool = False) -> None:
        """Note which of ``values`` (n) are not finite on any process, and read what is old enough."""
        codes = values.isnan().int() + 2 * values.isinf().int()
        codes = largest_over_ranks(codes + 2 * rank() * (codes > 0).int())
        copied = None
        if codes.is_cuda:
            host = torch.empty(codes.shape, dtype=codes.dtype, pin_memory=True)
            codes = host.copy_(codes, non_blocking=True)
            copied = torch.cuda.Event()
            copied.record()
        lags = self.lags if self.lags is not None else copied is not None
        self.waiting.append(Observation(self.place, what, names, codes.cpu(), copied, of_one_rank))
        self._read(LAG if lags else 0)

    def _read(self, leave: int) -> None:
        """Read all observations but the last ``leave``; raises DivergenceError for the first that is not finite."""
        while len(self.waiting) > leave:
            observation = self.waiting.popleft()
            codes = observation.read()
            if codes.any():
                self.waiting.clear()
                error = self._error(observation, codes)
                if self.report is not None:
                    self.report(error)
                raise error

    def _error(self, observation: Observation, codes: np.ndarray) -> DivergenceError:
        """Describe which values are not finite, and the batch; every process gets here at the same step."""
        place = observation.place
        bad = [name for name, code in zip(observation.names, codes, strict=True) if code]
        first = int(codes[codes > 0][0]) - 1
        named = ", ".join(bad[:3]) + (f" and {len(bad) - 3} more" if len(bad) > 3 else "")
        by_rank = gathered_from_ranks(place.images)
        images = tuple(index for indices in by_rank for index in indices)
        if observation.of_one_rank:
            images = by_rank[first // 2]
        where = f"in epoch {place.epoch}, step {place.step}"
        return DivergenceError(
            f"training has diverged: {observation.what} {named} is {KINDS[first % 2]} {where}",
            f"nothing can be learned from it; the batch holds the training images {self.describe(images)}",
            "a smaller optimiser.lr, trainer.gradient_clip_val=1 or trainer.precision=32-true; "
            "trainer.detect_anomaly=true\nnames the operation; look at these images and their labels, too",
        )
