"""The sizes of all loss weightings beside the plain sum's."""

import pytest

from src.benchmarking.weighting_sizes import measure, table
from tests.conftest import TINY, Workspace
from tests.loss_weights.test_loss_weights import NAMES, missing


def test_every_weighting_is_measured_beside_the_plain_sum(trained: Workspace) -> None:
    sizes = measure([*TINY, f"paths.data={trained.root}/data"])
    assert sorted(sizes.seen) == [name for name in NAMES if not missing(name)]
    assert all(len(seen) == 3 for seen in sizes.seen.values())  # steps of the epoch
    for name in ("uniform", "fixed", "dwa"):  # whose weights are 1 in the first epochs
        assert sizes.seen[name] == pytest.approx([1, 1, 1], rel=1e-4)
    assert all(0 < size < 1 for size in sizes.seen["mgda"])
    assert sizes.seen["uncertainty"][0] == pytest.approx(0.5, rel=1e-4)
    assert "| `uncertainty` | 0.50 |" in table(sizes)
