"""One-to-one matching of predicted and true edge pixels."""

from math import floor

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import maximum_flow

Bools = NDArray[np.bool_]
Places = NDArray[np.int64]


class EdgeMatcher:
    """Counts how many predicted edge pixels can be matched with true ones, each with one at most.

    The count is that of a maximum matching, exactly. ``correspondPixels`` of the BSDS500 benchmark minimises
    sum of distances + 100 * tolerance for each pixel that stays alone, rounded to 1/100 of a pixel, by Goldberg's
    CSA with six random outliers for each pixel. Leaving a pair alone costs more than moving a hundred others, so that
    its count is the maximum too, unless its random outliers run out or only a chain of a hundred pairs would do.

    Args:
        target: true edges (H, W).
        tolerance: the largest distance between matched pixels, in pixels.
    """

    def __init__(self, target: Bools, tolerance: float) -> None:
        reach = floor(tolerance)
        y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
        square = y**2 + x**2
        disc = square <= tolerance**2
        self._reach = reach
        self._trues = int(np.count_nonzero(target))
        padded = self._pad(target)
        self._offsets = (y * padded.shape[1] + x)[disc][np.argsort(square[disc], kind="stable")]
        places = np.flatnonzero(padded)
        # the number of a true pixel, and one more elsewhere
        self._numbers = np.full(padded.size, self._trues, dtype=np.int32)
        self._numbers[places] = np.arange(self._trues)
        # the true pixels within the tolerance of each pixel
        near = (places[:, None] + self._offsets).astype(np.int32).ravel()
        numbers = np.repeat(np.arange(self._trues, dtype=np.int32), len(self._offsets))
        shape = (padded.size, self._trues)
        self._neighbours = csr_matrix((np.ones(len(near), dtype=bool), (near, numbers)), shape=shape)
        self._near = np.diff(self._neighbours.indptr) > 0

    def count(self, predicted: Bools) -> int:
        """Count the matched pixels of predicted edges (H, W)."""
        places = np.flatnonzero(self._pad(predicted).ravel() & self._near)
        partners = self._match_nearest(places)
        alone = int(np.count_nonzero(partners == self._trues))
        return len(places) - alone + (self._augment(places, partners) if alone else 0)

    def _pad(self, edges: Bools) -> Bools:
        return np.pad(edges, self._reach)

    def _match_nearest(self, places: Places) -> Places:
        """Match greedily, in the order of distance: a maximal, not yet a maximum matching.

        Args:
            places: predicted pixels (P), in the flat padded map.

        Returns:
            The number of each one's partner (P), or that of no pixel.
        """
        partners = np.full(len(places), self._trues)
        free = np.arange(self._trues + 1) < self._trues
        alone = np.arange(len(places))
        for offset in self._offsets:
            # at one offset no two predicted pixels have the same neighbour
            candidates = self._numbers[places[alone] + offset]
            accepted = free[candidates]
            partners[alone[accepted]] = candidates[accepted]
            free[candidates[accepted]] = False
            alone = alone[~accepted]
        return partners

    def _augment(self, places: Places, partners: Places) -> int:
        """Count the pairs that a matching lacks to a maximum: a maximum flow from lone predicted to lone true pixels.

        The flow leaves a predicted pixel for a true one that is not its partner, and a true one for its partner, or
        for the sink if it is alone.
        """
        predicted = len(places)
        source = predicted + self._trues
        sink = source + 1
        neighbours = self._neighbours[places]
        lengths = np.diff(neighbours.indptr)
        others = neighbours.indices[neighbours.indices != np.repeat(partners, lengths)]
        paired, alone = np.flatnonzero(partners < self._trues), np.flatnonzero(partners == self._trues)
        lengths[paired] -= 1
        onwards = np.full(self._trues, sink)
        onwards[partners[paired]] = paired
        ends = np.concatenate([others + predicted, onwards, alone]).astype(np.int32)
        rows = np.cumsum(np.concatenate([[0], lengths, np.ones(self._trues, dtype=int), [len(alone), 0]]))
        graph = csr_matrix((np.ones(len(ends), dtype=np.int32), ends, rows), shape=(sink + 1, sink + 1))
        return int(maximum_flow(graph, source, sink, method="dinic").flow_value)
