"""Optimal F-measures of edges."""

from collections.abc import Sequence
from math import hypot

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from src.metrics.edge_matching import EdgeMatcher
from src.metrics.sums import SplitMetric, widen
from src.metrics.thinning import thin

PASCAL_DISTANCE = 0.0075
"""Tolerance on PASCAL-Context and BSDS500, in diagonals of the image."""
NYUD_DISTANCE = 0.011
"""Tolerance on NYUD-v2, in diagonals of the image."""
Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]
THRESHOLDS = tuple(np.linspace(0.01, 0.99, 99).tolist())
"""Those of the BSDS500 benchmark and of SEISM."""


class EdgeScores(SplitMetric):
    """``ods_f`` and ``ois_f`` of edges, as in Arbelaez et al. 2011 (BSDS500), without MATLAB.

    At each threshold t the map prediction >= t is thinned and its pixels are matched one to one with true edge pixels
    within the tolerance. F = 2 * matched / (predicted + true) is the harmonic mean of precision, matched / predicted,
    and recall, matched / true.

    ods_f: the largest F at one threshold for the whole set. ois_f: F of the counts at each image's own best threshold,
    the lowest of several, and so the lowest of all in an image without a true edge.

    As SEISM, with which papers on PASCAL-Context and NYUD-v2 measure: F is that of one of the thresholds (the BSDS500
    code interpolates precision and recall between them, and can be a little higher), true edges are not thinned, and
    predictions are not suppressed to their maxima (papers on edges alone do so beforehand). What can differ: the
    matching (see ``EdgeMatcher``), and predictions, which are not rounded to 8 bits. One annotation for an image.

    What lies outside the smallest rectangle that holds all valid pixels is cut off first: a picture that was padded for
    its batch is measured, and its diagonal taken, as it was before.

    Counts only, of a size that no image changes; computed on the processor, from copies: 1 to 2 s for an image of
    448 x 576 pixels with 99 thresholds, on one core. No true edge gives NaN.

    Args:
        max_distance: tolerance in diagonals of the image.
        thresholds: increasing, in (0, 1].
    """

    matched: Tensor
    predicted: Tensor
    true: Tensor
    best: Tensor

    def __init__(self, max_distance: float = PASCAL_DISTANCE, thresholds: Sequence[float] = THRESHOLDS) -> None:
        super().__init__()
        self.max_distance = max_distance
        self.thresholds = tuple(thresholds)
        # pixels at each threshold; true pixels; matched, predicted and true pixels at each image's best threshold
        self.add_counts("matched", len(self.thresholds))
        self.add_counts("predicted", len(self.thresholds))
        self.add_counts("true")
        self.add_counts("best", 3)

    def update(self, prediction: Tensor, target: Tensor, valid: Tensor | None = None) -> None:
        """Add probabilities, 0 or 1, and which pixels are valid, (N, 1, H, W) each.

        Invalid pixels, which are those with a negative or NaN target where no mask is given, count as free of edges.
        """
        valid = target >= 0 if valid is None else valid.bool()
        images = zip(_to_numpy(prediction), _to_numpy(target), _to_numpy(valid), strict=True)
        parts = ((guess, truth, mask, _valid_part(mask > 0)) for guess, truth, mask in images)
        counts = np.array([self._count(x[part], y[part] > 0.5, mask[part] > 0) for x, y, mask, part in parts])
        matched, predicted, true = torch.from_numpy(counts.astype(np.int64)).to(self.matched.device).unbind(1)
        best = _f_measure(matched, predicted, true).argmax(1, keepdim=True)
        self.matched = self.matched + matched.sum(0)
        self.predicted = self.predicted + predicted.sum(0)
        self.true = self.true + true[:, 0].sum()
        self.best = self.best + torch.stack([x.gather(1, best).sum() for x in (matched, predicted, true)])

    def compute(self) -> dict[str, Tensor]:
        """Return both scores as shares in [0, 1]."""
        any_edge = self.true > 0
        scores = {
            "ods_f": _f_measure(self.matched, self.predicted, self.true).max(),
            "ois_f": _f_measure(*self.best),
        }
        return {key: torch.where(any_edge, value, torch.nan) for key, value in scores.items()}

    def _count(self, prediction: Floats, true: Bools, valid: Bools) -> list[list[int]]:
        """Count an image's matched, predicted and true pixels at each threshold."""
        matcher = EdgeMatcher(true & valid, self.max_distance * hypot(*true.shape))
        counts: list[tuple[int, int]] = []
        former = -1
        for threshold in self.thresholds:
            above = (prediction >= threshold) & valid
            # each map is part of the one before it, so that as many pixels are the same pixels
            if (pixels := int(np.count_nonzero(above))) != former:
                edges = thin(above)
                counts.append((matcher.count(edges), int(np.count_nonzero(edges))))
            else:
                counts.append(counts[-1])
            former = pixels
        matched, predicted = (list(column) for column in zip(*counts, strict=True))
        return [matched, predicted, [int(np.count_nonzero(true & valid))] * len(counts)]


def _valid_part(valid: Bools) -> tuple[slice, slice]:
    """Return rows and columns of the smallest rectangle that holds all valid pixels; all where there is none."""
    if not valid.any():
        return slice(None), slice(None)
    rows, columns = (np.flatnonzero(valid.any(axis)) for axis in (1, 0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def _f_measure(matched: Tensor, predicted: Tensor, true: Tensor) -> Tensor:
    return widen(2 * matched) / (predicted + true).clamp(min=1)


def _to_numpy(maps: Tensor) -> Floats:
    """Copy maps (N, 1, H, W) to the processor: (N, H, W)."""
    return maps.detach()[:, 0].float().cpu().numpy()
