"""Targets of a modality on the device: from the store, their validity and their geometry.

Targets are batched: int64 (N, H, W) for classes, float32 (N, 1, H, W) for scalars and binary maps, float32
(N, channels, H, W) for vectors. None of these functions waits for the device.
"""

import torch
from torch import Tensor

from src.modalities.base import IGNORE, UNKNOWN, Modality

UNLABELLED = -1.0
"""A binary target where it is neither 0 nor 1."""


def invalid_value(modality: Modality) -> float:
    """Return the value of a target, in all its channels, where there is no label."""
    scalar = float("nan") if modality.invalid is None else modality.invalid
    return {"classes": IGNORE, "scalar": scalar, "vector": 0.0, "binary": UNLABELLED}[modality.kind]


def target_of(modality: Modality, stored: Tensor) -> Tensor:
    """Turn a batch of stored maps (N, ...) into targets; values that are not finite become invalid."""
    if modality.kind == "classes":
        return stored.long()
    if modality.kind == "binary":
        return torch.where(stored == UNKNOWN, UNLABELLED, stored.float())[:, None]
    if modality.kind == "scalar":
        values = stored[:, None].float()
        return torch.where(values.isfinite(), values, invalid_value(modality))
    vectors = stored.movedim(-1, 1).float()
    return unit(torch.where(vectors.isfinite().all(1, keepdim=True), vectors, 0.0))


def is_labelled(modality: Modality, target: Tensor) -> Tensor:
    """Return where targets have a label: (N, H, W) for classes and vectors, else (N, 1, H, W)."""
    if modality.kind in ("classes", "binary"):
        return target >= 0
    if modality.kind == "vector":
        return (target != 0).any(1)
    valid = target.isfinite()
    return valid if modality.invalid is None else valid & (target != modality.invalid)


def flipped(modality: Modality, target: Tensor) -> Tensor:
    """Return the targets of horizontally flipped images; mirrored components change their sign."""
    mirrored = target.flip(-1)
    if not modality.mirrored:
        return mirrored
    components = [-x if i in modality.mirrored else x for i, x in enumerate(mirrored.unbind(dim=-3))]
    return torch.stack(components, dim=-3)


def rescaled(modality: Modality, target: Tensor, scale: Tensor) -> Tensor:
    """Correct the values of targets resampled from images that were enlarged by ``scale`` (N).

    Depth is divided by it, as what appears s times larger to the same camera is s times nearer, and inverse depth
    multiplied. Vectors are brought back to unit length and keep their direction: a scene whose depth is divided by s
    would have normals along (x, y, s z), but MTAN's recipe and the published numbers ignore this.
    """
    if modality.kind == "vector":
        return unit(target)
    if modality.zoom == "unchanged":
        return target
    factor = scale.view(-1, 1, 1, 1).to(target.dtype)
    changed = target * factor if modality.zoom == "multiplied" else target / factor
    kept = modality.invalid is None or modality.invalid == 0  # NaN and 0 stay what they are
    return changed if kept else torch.where(is_labelled(modality, target), changed, target)


def unit(vectors: Tensor) -> Tensor:
    """Scale vectors (N, C, H, W) to unit length, 0 staying 0; several times as fast as a vector norm over channels."""
    # the gradient at 0 is 1 / eps: finite, and small enough to survive
    return vectors * vectors.square().sum(1, keepdim=True).clamp_min(1e-12).rsqrt()
