"""One-to-one matching of predicted and true edge pixels."""

from math import floor

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import maximum_flow

Bools = NDArray[np.bool_]
Places = NDArray[np.int32]


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
        # in the order of the map, so that the indices of each row of the graph are sorted
        self._offsets = (y * padded.shape[1] + x)[disc]
        self._nearest_first = np.argsort(square[disc], kind="stable")
        places = np.flatnonzero(padded)
        # the number of a true pixel, and one more elsewhere
        self._numbers = np.full(padded.size, self._trues, dtype=np.int32)
        self._numbers[places] = np.arange(self._trues)
        self._near = np.zeros(padded.size, dtype=bool)
        self._near[places[:, None] + self._offsets] = True

    def count(self, predicted: Bools) -> int:
        """Count the matched pixels of predicted edges (H, W)."""
        places = np.flatnonzero(self._pad(predicted).ravel() & self._near)
        neighbours = self._numbers[places[:, None] + self._offsets]
        partners = self._match_nearest(neighbours)
        alone = int(np.count_nonzero(partners == self._trues))
        return len(places) - alone + (self._augment(neighbours, partners) if alone else 0)

    def _pad(self, edges: Bools) -> Bools:
        return np.pad(edges, self._reach)

    def _match_nearest(self, neighbours: Places) -> Places:
        """Match greedily, in the order of distance: a maximal, not yet a maximum matching.

        Args:
            neighbours: numbers of true pixels (predicted pixels, offsets).

        Returns:
            The number of each predicted pixel's partner, or that of no pixel.
        """
        partners = np.full(len(neighbours), self._trues, dtype=np.int32)
        free = np.arange(self._trues + 1) < self._trues
        alone = np.arange(len(neighbours))
        for offset in self._nearest_first:
            # at one offset no two predicted pixels have the same neighbour
            candidates = neighbours[alone, offset]
            accepted = free[candidates]
            partners[alone[accepted]] = candidates[accepted]
            free[candidates[accepted]] = False
            alone = alone[~accepted]
        return partners

    def _augment(self, neighbours: Places, partners: Places) -> int:
        """Count the pairs that a matching lacks to a maximum: a maximum flow from lone predicted to lone true pixels.

        The flow leaves a predicted pixel for a true one that is not its partner, and a true one for its partner, or
        for the sink if it is alone.
        """
        predicted = len(neighbours)
        source = predicted + self._trues
        sink = source + 1
        edges = (neighbours < self._trues) & (neighbours != partners[:, None])
        paired = np.flatnonzero(partners < self._trues)
        onwards = np.full(self._trues, sink, dtype=np.int32)
        onwards[partners[paired]] = paired
        starts = np.flatnonzero(partners == self._trues)
        ends = np.concatenate([neighbours[edges] + predicted, onwards, starts]).astype(np.int32)
        lengths = np.concatenate([np.count_nonzero(edges, axis=1), np.ones(self._trues, dtype=int), [len(starts), 0]])
        rows = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
        graph = csr_matrix((np.ones(len(ends), dtype=np.int32), ends, rows), shape=(sink + 1, sink + 1))
        return int(maximum_flow(graph, source, sink, method="dinic").flow_value)
