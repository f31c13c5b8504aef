"""Teacher features standardised with statistics that are gathered once over the training split."""

from abc import ABC, abstractmethod
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from src.distillation.rotation import equalising

FLOOR = 1e-6  # below this share of a feature's size a deviation is rounding of float32


class Moments(NamedTuple):
    """Number of pixels, mean (C) and summed products of deviations from it, (C, C) or their diagonal (C); float64."""

    pixels: int
    mean: Tensor
    scatter: Tensor


class Standardiser(nn.Module, ABC):
    """Maps features (N, C, H, W) to standardised ones and back; the identity until it is ready.

    Call ``observe`` with each batch, then ``close``. Only what ``close`` leaves is in the state_dict, so a resumed run
    is ready at once.

    Args:
        channels: C.
    """

    ready: Tensor
    mean: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("ready", torch.tensor(False))
        self.register_buffer("mean", torch.zeros(channels))
        self._observed: Moments | None = None

    @torch.no_grad()
    def observe(self, feature: Tensor) -> None:
        """Add a batch of features (N, C, H, W) to the statistics, merged as by Chan et al. (1979)."""
        pixels = feature.detach().to(torch.float64).movedim(1, 0).flatten(1)
        count, mean = pixels.shape[1], pixels.mean(1)
        if count == 0:
            return
        scatter = self._scatter(pixels - mean[:, None])
        if before := self._observed:
            apart, total = mean - before.mean, count + before.pixels
            scatter = before.scatter + scatter + self._scatter(apart[:, None]) * (count * before.pixels / total)
            count, mean = total, before.mean + apart * (count / total)
        self._observed = Moments(count, mean, scatter)

    @torch.no_grad()
    def close(self) -> None:
        """Turn the observed statistics into buffers.

        Raises:
            ValueError: nothing was observed, or something that is not finite.
        """
        observed = self._observed
        if observed is None:
            raise ValueError("a standardiser cannot be closed before it has observed features")
        if not bool(observed.scatter.isfinite().all()):
            raise ValueError("a standardiser has observed features that are not finite")
        self.mean.copy_(observed.mean)
        self._settle(observed.mean.cpu(), observed.scatter.cpu() / observed.pixels)
        self.ready.fill_(True)
        self._observed = None

    def forward(self, feature: Tensor) -> Tensor:
        """Standardise features (N, C, H, W)."""
        return self._map(feature - self.mean[:, None, None])

    def inverse(self, standardised: Tensor) -> Tensor:
        """Map standardised features (N, C, H, W) back."""
        return self._map_back(standardised) + self.mean[:, None, None]

    @abstractmethod
    def _map(self, deviations: Tensor) -> Tensor: ...

    @abstractmethod
    def _map_back(self, standardised: Tensor) -> Tensor: ...

    @abstractmethod
    def _scatter(self, deviations: Tensor) -> Tensor:
        """Sum products of deviations (C, pixels) over pixels."""

    @abstractmethod
    def _settle(self, mean: Tensor, covariance: Tensor) -> None:
        """Fill the buffers from the mean (C) and what ``_scatter`` sums, averaged; float64, on the CPU."""


class PerChannel(Standardiser):
    """Each channel gets zero mean and unit variance; a dead channel stays 0, and its inverse is its mean."""

    std: Tensor
    factor: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.register_buffer("std", torch.ones(channels))
        self.register_buffer("factor", torch.ones(channels))

    def _map(self, deviations: Tensor) -> Tensor:
        return deviations * self.factor[:, None, None]

    def _map_back(self, standardised: Tensor) -> Tensor:
        return standardised * self.std[:, None, None]

    def _scatter(self, deviations: Tensor) -> Tensor:
        return deviations.square().sum(1)

    def _settle(self, mean: Tensor, covariance: Tensor) -> None:
        dead = covariance.sqrt() <= FLOOR * (mean.square() + covariance.mean()).sqrt()
        std = covariance.sqrt().masked_fill(dead, 0)
        self.std.copy_(std)
        self.factor.copy_((1 / std).masked_fill(dead, 0))


class PhiS(Standardiser):
    """PHI-S: y = H U^T (x - mean) / phi (Ranzinger et al. 2024, arXiv 2410.01680).

    U are the eigenvectors of the covariance, H spreads the variance equally over all channels, phi^2 is the mean
    eigenvalue: every channel has variance 1, and all distances between features keep their proportions.
    """

    phi: Tensor
    matrix: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.register_buffer("phi", torch.ones(()))
        self.register_buffer("matrix", torch.eye(channels)[:, :, None, None])

    def _map(self, deviations: Tensor) -> Tensor:
        return functional.conv2d(deviations, self.matrix)

    def _map_back(self, standardised: Tensor) -> Tensor:
        return functional.conv2d(standardised, self.matrix.transpose(0, 1)) * self.phi.square()

    def _scatter(self, deviations: Tensor) -> Tensor:
        return deviations @ deviations.T

    def _settle(self, mean: Tensor, covariance: Tensor) -> None:
        """Fill ``phi`` and ``matrix``; a dead feature, whose variance is rounding, gets zeros."""
        eigenvalues, eigenvectors = torch.linalg.eigh(covariance)
        phi = covariance.trace().div(len(mean)).sqrt()
        dead = phi <= FLOOR * mean.square().mean().sqrt()
        rotation = torch.from_numpy(equalising(eigenvalues.numpy())) @ eigenvectors.T
        self.phi.copy_(phi.masked_fill(dead, 0))
        self.matrix.copy_((rotation / phi).masked_fill(dead, 0)[:, :, None, None])


STANDARDISERS: dict[str, type[Standardiser]] = {"channel": PerChannel, "phi_s": PhiS}
